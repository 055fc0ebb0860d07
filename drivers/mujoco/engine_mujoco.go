//go:build mujoco && cgo

package mujoco

/*
#cgo LDFLAGS: -lmujoco -lEGL -lm
#include <stdio.h>
#include <stdlib.h>
#include <mujoco/mujoco.h>
#include "view_egl.h"

// MuJoCo's own handlers write MUJOCO_LOG.TXT and wait for Enter.
static void on_error(const char* text) {
  fprintf(stderr, "mujoco: %s\n", text);
  abort();
}
static void on_warning(const char* text) { (void)text; } // counted in mjData, reported by Step

static void quiet(void) {
  mju_user_error = on_error;
  mju_user_warning = on_warning;
}
*/
import "C"

import (
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// native is the engine on libmujoco.
type native struct {
	m    *C.mjModel
	d    *C.mjData
	mem  memory
	view *C.view
	// inertia's scratch: where each dof's diagonal lies in mjData.qM
	diagonal []C.int
}

var quietOnce sync.Once

// drawing lets one renderer at a time use OpenGL, where they share Mesa's software renderer. Contexts of one
// display are not independent there, though they share nothing: whoever binds a texture or reads pixels looks
// through the scenes that all the others are building (llvmpipe_flush_resource of Mesa 21 and later), with a
// lock on the list of contexts and none on the scenes. Without turns the program dies of it, once in some 10^5 pictures.
var drawing sync.Mutex

// openEngine compiles a model and makes its state.
func openEngine(xml string) (engine, error) {
	quietOnce.Do(func() { C.quiet() })
	// MuJoCo 2.2 reads models from files only; the name is of no interest.
	file, err := os.CreateTemp("", "cobot_magic_*.xml")
	if err != nil {
		return nil, fmt.Errorf("mujoco: can't write the model to a temporary file: %w", err)
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(xml); err != nil {
		return nil, fmt.Errorf("mujoco: can't write the model to %s: %w", file.Name(), err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("mujoco: can't write the model to %s: %w", file.Name(), err)
	}
	name := C.CString(file.Name())
	defer C.free(unsafe.Pointer(name))
	problem := (*C.char)(C.calloc(1, 1000))
	defer C.free(unsafe.Pointer(problem))
	m := C.mj_loadXML(name, nil, problem, 1000)
	if m == nil {
		return nil, fmt.Errorf("mujoco: the scene does not compile: %s", C.GoString(problem))
	}
	d := C.mj_makeData(m)
	if d == nil {
		C.mj_deleteModel(m)
		return nil, fmt.Errorf("mujoco: no memory for the scene's state")
	}
	e := &native{m: m, d: d}
	nq, nv, nu, nbody := int(m.nq), int(m.nv), int(m.nu), int(m.nbody)
	e.mem = memory{
		qpos:     floats(d.qpos, nq),
		qvel:     floats(d.qvel, nv),
		ctrl:     floats(d.ctrl, nu),
		bias:     floats(d.qfrc_bias, nv),
		damping:  floats(m.dof_damping, nv),
		friction: floats(m.dof_frictionloss, nv),
		bodyPos:  floats(d.xpos, 3*nbody),
		bodyQuat: floats(d.xquat, 4*nbody),
	}
	e.diagonal = unsafe.Slice(m.dof_Madr, nv)
	return e, nil
}

func floats(p *C.mjtNum, n int) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(p)), n)
}

func (e *native) memory() *memory { return &e.mem }

func (e *native) prepare() { C.mj_step1(e.m, e.d) }

func (e *native) advance() { C.mj_step2(e.m, e.d) }

func (e *native) warnings() (count int, last string) {
	for i, w := range e.d.warning {
		if w.number > 0 {
			count += int(w.number)
			last = C.GoString(C.mju_warningText(C.int(i), w.lastinfo))
		}
	}
	return count, last
}

func (e *native) index(k kind, name string) int {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	object := map[kind]C.int{bodyKind: C.mjOBJ_BODY, actuatorKind: C.mjOBJ_ACTUATOR, cameraKind: C.mjOBJ_CAMERA}[k]
	return int(C.mj_name2id(e.m, object, text))
}

func (e *native) joint(name string) (qpos, dof int) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	id := int(C.mj_name2id(e.m, C.mjOBJ_JOINT, text))
	if id < 0 {
		return -1, -1
	}
	n := int(e.m.njnt)
	return int(unsafe.Slice(e.m.jnt_qposadr, n)[id]), int(unsafe.Slice(e.m.jnt_dofadr, n)[id])
}

func (e *native) contacts(pairs [][2]int32) [][2]int32 {
	body := unsafe.Slice(e.m.geom_bodyid, int(e.m.ngeom))
	for _, c := range unsafe.Slice(e.d.contact, int(e.d.ncon)) {
		if c.exclude == 0 && c.dist <= 0 {
			pairs = append(pairs, [2]int32{int32(body[c.geom1]), int32(body[c.geom2])})
		}
	}
	return pairs
}

func (e *native) bodyName(id int) string {
	return C.GoString(C.mj_id2name(e.m, C.mjOBJ_BODY, C.int(id)))
}

func (e *native) inertia(dof int) float64 {
	return float64(unsafe.Slice(e.d.qM, int(e.m.nM))[e.diagonal[dof]])
}

func (e *native) openView() error {
	drawing.Lock()
	defer drawing.Unlock()
	problem := (*C.char)(C.calloc(1, 300))
	defer C.free(unsafe.Pointer(problem))
	e.view = C.view_open(e.m, problem, 300)
	if e.view == nil {
		return fmt.Errorf("mujoco: can't render: %s", C.GoString(problem))
	}
	return nil
}

func (e *native) capture(camera int, l lens, shadows bool) {
	on := C.int(0)
	if shadows {
		on = 1
	}
	center := ((float64(l.width)-1)/2 - l.cx) / l.f
	top := (l.cy + 0.5) / l.f
	bottom := -(float64(l.height) - 0.5 - l.cy) / l.f
	C.view_capture(e.view, e.m, e.d, C.int(camera), on, C.double(center), C.double(float64(l.width)/l.f), C.double(bottom), C.double(top))
}

func (e *native) draw(width, height int, rgb []byte) error {
	if len(rgb) < width*height*3 {
		return fmt.Errorf("mujoco: a picture of %dx%d needs %d bytes, got %d", width, height, width*height*3, len(rgb))
	}
	if !e.alone() {
		drawing.Lock()
		defer drawing.Unlock()
	}
	if code := C.view_draw(e.view, C.int(width), C.int(height), (*C.uchar)(unsafe.Pointer(&rgb[0]))); code != 0 {
		return fmt.Errorf("mujoco: OpenGL error 0x%x", int(code))
	}
	return nil
}

// alone says whether others may draw meanwhile.
func (e *native) alone() bool { return C.view_alone(e.view) != 0 }

func (e *native) drawAll(all bool) {
	on := C.int(0)
	if all {
		on = 1
	}
	C.view_draw_all(e.view, on)
}

func (e *native) closeView() {
	if e.view != nil {
		drawing.Lock()
		defer drawing.Unlock()
		C.view_close(e.view)
		e.view = nil
	}
}

func (e *native) close() {
	C.mj_deleteData(e.d)
	C.mj_deleteModel(e.m)
	e.m, e.d, e.mem, e.diagonal = nil, nil, memory{}, nil
}
