#ifndef COBOT_VLA_VIEW_EGL_H
#define COBOT_VLA_VIEW_EGL_H

#include <mujoco/mujoco.h>

// view is a renderer without a window: an OpenGL context of EGL, and MuJoCo's
// scene and renderer in it. It belongs to the thread that opened it.
typedef struct view view;

// view_open returns NULL and writes why into problem (of size bytes) when it fails.
view* view_open(const mjModel* m, char* problem, int size);

// view_capture notes what a fixed camera sees now. The frustum's edges are at distance 1; its middle is center.
void view_capture(view* v, const mjModel* m, mjData* d, int camera, int shadows, double center, double width, double bottom, double top);

// view_draw renders what was captured; rgb has width*height*3 bytes, top row first. It returns 0, or OpenGL's error.
int view_draw(view* v, int width, int height, unsigned char* rgb);

// view_draw_all draws what the camera can't see as well: the same picture, later.
void view_draw_all(view* v, int all);

// view_alone says whether its context is independent of others in this process, as OpenGL means it to be.
// Where it is not, nothing but view_capture may be called while another view is opened, drawn or closed.
// Opening and closing are never independent.
int view_alone(const view* v);

void view_close(view* v);

#endif
