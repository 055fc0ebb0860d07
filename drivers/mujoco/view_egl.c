//go:build mujoco && cgo

#include "view_egl.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef EGL_PLATFORM_SURFACELESS_MESA
#define EGL_PLATFORM_SURFACELESS_MESA 0x31DD
#endif
#ifndef EGL_PLATFORM_DEVICE_EXT
#define EGL_PLATFORM_DEVICE_EXT 0x313F
#endif

struct view {
  EGLDisplay display;
  EGLContext context;
  mjvScene scene;
  mjvOption option;
  mjrContext render;
  unsigned char* upside_down;
  size_t capacity;
  int all;    // draw what the camera can't see, too
  int alone;  // a GPU's driver draws, not Mesa's software
};

// start initialises a display and makes a desktop OpenGL context on it.
static int start(EGLDisplay display, EGLContext* context) {
  static const EGLint wanted[] = {
      EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8, EGL_NONE};
  EGLConfig config;
  EGLint count = 0;
  if (display == EGL_NO_DISPLAY || !eglInitialize(display, NULL, NULL)) return 0;
  if (!eglBindAPI(EGL_OPENGL_API)) return 0;
  if (!eglChooseConfig(display, wanted, &config, 1, &count) || count < 1) return 0;
  *context = eglCreateContext(display, config, EGL_NO_CONTEXT, NULL);
  if (*context == EGL_NO_CONTEXT) return 0;
  if (eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, *context)) return 1;
  eglDestroyContext(display, *context);
  return 0;
}

// open_context tries the devices of a GPU's driver first, where there are any,
// then Mesa without a surface.
static int open_context(view* v, char* problem, int size) {
  PFNEGLGETPLATFORMDISPLAYEXTPROC platform = (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
  PFNEGLQUERYDEVICESEXTPROC query = (PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
  PFNEGLQUERYDEVICESTRINGEXTPROC describe = (PFNEGLQUERYDEVICESTRINGEXTPROC)eglGetProcAddress("eglQueryDeviceStringEXT");
  EGLDeviceEXT devices[16];
  EGLint count = 0;
  if (!platform) {
    snprintf(problem, size, "EGL has no eglGetPlatformDisplayEXT: install libegl1 and libgl1-mesa-dri");
    return 0;
  }
  if (query && describe && query(16, devices, &count)) {
    for (EGLint i = 0; i < count; i++) {
      const char* extensions = describe(devices[i], EGL_EXTENSIONS);
      if (extensions && strstr(extensions, "EGL_MESA_device_software")) continue;
      v->display = platform(EGL_PLATFORM_DEVICE_EXT, devices[i], NULL);
      if (start(v->display, &v->context)) return v->alone = 1;
    }
  }
  v->display = platform(EGL_PLATFORM_SURFACELESS_MESA, (void*)EGL_DEFAULT_DISPLAY, NULL);
  if (start(v->display, &v->context)) return 1;
  snprintf(problem, size, "EGL gives no OpenGL context (error 0x%x): install libegl1 and libgl1-mesa-dri", (unsigned)eglGetError());
  return 0;
}

view* view_open(const mjModel* m, char* problem, int size) {
  view* v = calloc(1, sizeof(view));
  if (!v) {
    snprintf(problem, size, "no memory for a renderer");
    return NULL;
  }
  // The threads of a software renderer wait for each other more than they draw when pictures are small.
  if (m->vis.global.offwidth <= 400) setenv("LP_NUM_THREADS", "0", 0);
  if (!open_context(v, problem, size)) {
    free(v);
    return NULL;
  }
  mjv_defaultScene(&v->scene);
  mjv_makeScene(m, &v->scene, 1000);
  mjv_defaultOption(&v->option);
  v->scene.flags[mjRND_REFLECTION] = 0;
  v->scene.flags[mjRND_SKYBOX] = 1;
  mjr_defaultContext(&v->render);
  mjr_makeContext(m, &v->render, mjFONTSCALE_50);
  mjr_setBuffer(mjFB_OFFSCREEN, &v->render);
  if (v->render.currentBuffer != mjFB_OFFSCREEN) {
    snprintf(problem, size, "OpenGL gives no offscreen buffer of %dx%d", m->vis.global.offwidth, m->vis.global.offheight);
    view_close(v);
    return NULL;
  }
  return v;
}

// outside says whether a ball lies wholly beside what a camera sees. right, left, top and bottom are the
// edges of the picture one unit before it.
static int outside(const mjvGLCamera* c, const float eye[3], const float side[3], const float* pos, float radius, double left, double right, double bottom, double top) {
  double x = 0, y = 0, z = 0;
  for (int k = 0; k < 3; k++) {
    double to = pos[k] - eye[k];
    x += to * side[k];
    y += to * c->up[k];
    z += to * c->forward[k];
  }
  return z < -radius || x - right * z > radius * sqrt(1 + right * right) || left * z - x > radius * sqrt(1 + left * left) ||
         y - top * z > radius * sqrt(1 + top * top) || bottom * z - y > radius * sqrt(1 + bottom * bottom);
}

// cull takes what the camera can't see out of the scene, and puts planes, floor and ground, behind what
// stands before them: a software renderer spends its time on draw calls and on pixels that are drawn over.
static void cull(mjvScene* s, double left, double right, double bottom, double top) {
  const mjvGLCamera* c = &s->camera[0];
  float side[3], eye[3];
  for (int k = 0; k < 3; k++) eye[k] = (s->camera[0].pos[k] + s->camera[1].pos[k]) / 2; // the picture is not for two eyes
  for (int k = 0; k < 3; k++) side[k] = c->forward[(k + 1) % 3] * c->up[(k + 2) % 3] - c->forward[(k + 2) % 3] * c->up[(k + 1) % 3];
  int kept = 0, planes = 0;
  mjvGeom plane[16];
  for (int i = 0; i < s->ngeom; i++) {
    mjvGeom* g = s->geoms + i;
    if (g->type == mjGEOM_PLANE && planes < 16) {
      plane[planes++] = *g;
    } else if (g->modelrbound <= 0 || !outside(c, eye, side, g->pos, g->modelrbound, left, right, bottom, top)) {
      s->geoms[kept++] = *g;
    }
  }
  for (int i = 0; i < planes; i++) s->geoms[kept++] = plane[i];
  s->ngeom = kept;
}

void view_capture(view* v, const mjModel* m, mjData* d, int camera, int shadows, double center, double width, double bottom, double top) {
  mjvCamera cam;
  mjv_defaultCamera(&cam);
  cam.type = mjCAMERA_FIXED;
  cam.fixedcamid = camera;
  // MuJoCo puts the headlight where the scene's camera was before: move it first, or pictures depend on the one before.
  mjv_updateCamera(m, d, &cam, &v->scene);
  mjv_updateScene(m, d, &v->option, NULL, &cam, mjCAT_ALL, &v->scene);
  // A lamp with shadows is drawn in a pass of its own and comes out brighter: dim it to the same picture.
  v->scene.flags[mjRND_SHADOW] = shadows ? 1 : 0;
  for (int i = 0; shadows && i < v->scene.nlight; i++) {
    if (!v->scene.lights[i].castshadow) continue;
    for (int k = 0; k < 3; k++) v->scene.lights[i].diffuse[k] *= 0.62f;
  }
  for (int eye = 0; eye < 2; eye++) {
    mjvGLCamera* c = v->scene.camera + eye;
    c->frustum_center = (float)(center * c->frustum_near);
    c->frustum_bottom = (float)(bottom * c->frustum_near);
    c->frustum_top = (float)(top * c->frustum_near);
  }
  if (!shadows && !v->all) cull(&v->scene, center - width / 2, center + width / 2, bottom, top); // what is not seen may throw a shadow
}

void view_draw_all(view* v, int all) { v->all = all; }

int view_alone(const view* v) { return v->alone; }

int view_draw(view* v, int width, int height, unsigned char* rgb) {
  mjrRect whole = {0, 0, width, height};
  size_t row = (size_t)width * 3, bytes = row * height;
  if (bytes > v->capacity) {
    unsigned char* more = realloc(v->upside_down, bytes);
    if (!more) return -1;
    v->upside_down = more;
    v->capacity = bytes;
  }
  mjr_render(whole, &v->scene, &v->render);
  mjr_readPixels(v->upside_down, NULL, whole, &v->render);
  for (int y = 0; y < height; y++) memcpy(rgb + y * row, v->upside_down + (height - 1 - y) * row, row);
  return mjr_getError();
}

void view_close(view* v) {
  mjr_freeContext(&v->render);
  mjv_freeScene(&v->scene);
  eglMakeCurrent(v->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
  eglDestroyContext(v->display, v->context);
  eglReleaseThread(); // the display stays initialised: other worlds of this process share it
  free(v->upside_down);
  free(v);
}
