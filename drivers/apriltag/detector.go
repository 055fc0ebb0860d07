//go:build apriltag && cgo

package apriltag

/*
#cgo pkg-config: apriltag
#include <stdlib.h>
#include <string.h>
#include <apriltag/apriltag.h>
#include <apriltag/tag36h11.h>
#include <apriltag/tag25h9.h>
#include <apriltag/tag16h5.h>
#include <apriltag/tagStandard41h12.h>

static apriltag_family_t *family_create(const char *name) {
	if (!strcmp(name, "tag36h11")) return tag36h11_create();
	if (!strcmp(name, "tag25h9")) return tag25h9_create();
	if (!strcmp(name, "tag16h5")) return tag16h5_create();
	if (!strcmp(name, "tagStandard41h12")) return tagStandard41h12_create();
	return NULL;
}

static void family_destroy(apriltag_family_t *f) {
	if (!strcmp(f->name, "tag36h11")) tag36h11_destroy(f);
	else if (!strcmp(f->name, "tag25h9")) tag25h9_destroy(f);
	else if (!strcmp(f->name, "tag16h5")) tag16h5_destroy(f);
	else tagStandard41h12_destroy(f);
}

static apriltag_detection_t *detection(zarray_t *a, int i) {
	apriltag_detection_t *d;
	zarray_get(a, i, &d);
	return d;
}

// The library's image functions lie in another library in some releases: an image is only four numbers.
static zarray_t *detect(apriltag_detector_t *td, int w, int h, int stride, uint8_t *pixels) {
	image_u8_t im = {.width = w, .height = h, .stride = stride, .buf = pixels};
	return apriltag_detector_detect(td, &im);
}

static void image_free(image_u8_t *im) {
	free(im->buf);
	free(im);
}
*/
import "C"

import (
	"fmt"
	"image"
	"strings"
	"unsafe"
)

// Detector finds tags of one family. Not safe for concurrent use.
type Detector struct {
	family   *C.apriltag_family_t
	detector *C.apriltag_detector_t
}

// New makes a detector; the caller closes it.
func New(family string) (*Detector, error) {
	name := C.CString(family)
	defer C.free(unsafe.Pointer(name))
	f := C.family_create(name)
	if f == nil {
		return nil, fmt.Errorf("apriltag: no family %q; there are %s", family, strings.Join(Families(), ", "))
	}
	d := &Detector{family: f, detector: C.apriltag_detector_create()}
	// Corners count, not speed: look at every pixel. Two wrong bits may be mended, as the library recommends.
	d.detector.quad_decimate = 1
	d.detector.nthreads = 1
	C.apriltag_detector_add_family_bits(d.detector, f, 2)
	return d, nil
}

// Close frees what the library holds.
func (d *Detector) Close() {
	if d.detector == nil {
		return
	}
	C.apriltag_detector_destroy(d.detector)
	C.family_destroy(d.family)
	d.detector, d.family = nil, nil
}

// Detect finds the tags of a picture.
func (d *Detector) Detect(m *image.Gray) ([]Tag, error) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if d.detector == nil {
		return nil, fmt.Errorf("apriltag: the detector is closed")
	}
	if w < 16 || h < 16 || w > 8192 || h > 8192 {
		return nil, fmt.Errorf("apriltag: a picture of %dx%d px; sides are 16..8192 px", w, h)
	}
	found := C.detect(d.detector, C.int(w), C.int(h), C.int(m.Stride), (*C.uint8_t)(unsafe.Pointer(&m.Pix[m.PixOffset(m.Rect.Min.X, m.Rect.Min.Y)])))
	defer C.apriltag_detections_destroy(found)
	var out []Tag
	for i := range int(C.zarray_size(found)) {
		f := C.detection(found, C.int(i))
		t := Tag{ID: int(f.id), Margin: float64(f.decision_margin)}
		for k := range 4 { // the library counts from a pixel's corner, not from its middle
			t.Corners[k] = [2]float64{float64(f.p[k][0]) - 0.5, float64(f.p[k][1]) - 0.5}
		}
		out = append(out, t)
	}
	return out, nil
}

// Picture draws a tag with a pixel a cell, its white margin around it.
func (d *Detector) Picture(id int) (*image.Gray, error) {
	if d.family == nil || id < 0 || id >= int(d.family.ncodes) {
		return nil, fmt.Errorf("apriltag: no tag %d", id)
	}
	im := C.apriltag_to_image(d.family, C.int(id))
	defer C.image_free(im)
	out := image.NewGray(image.Rect(0, 0, int(im.width), int(im.height)))
	for y := range out.Rect.Max.Y {
		copy(out.Pix[y*out.Stride:(y+1)*out.Stride], unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(im.buf), y*int(im.stride))), out.Stride))
	}
	return out, nil
}
