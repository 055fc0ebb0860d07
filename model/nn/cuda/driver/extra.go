//go:build cuda

package driver

// The declarations are of the CUDA driver API as its documentation gives them,
// by the names that the library exports; so no header is needed for what cu lacks.

/*
#include <stddef.h>
#include <stdint.h>

typedef struct CUstream_st *stream_t;
typedef struct CUfunc_st *function_t;
typedef struct CUgraph_st *graph_t;
typedef struct CUgraphExec_st *exec_t;
typedef struct CUgraphNode_st *node_t;

int cuStreamBeginCapture_v2(stream_t stream, int mode);
int cuStreamEndCapture(stream_t stream, graph_t *graph);
int cuGraphInstantiateWithFlags(exec_t *exec, graph_t graph, unsigned long long flags);
int cuGraphGetNodes(graph_t graph, node_t *nodes, size_t *count);
int cuGraphLaunch(exec_t exec, stream_t stream);
int cuGraphExecDestroy(exec_t exec);
int cuGraphDestroy(graph_t graph);
int cuMemHostAlloc(void **host, size_t bytes, unsigned int flags);
int cuMemHostGetDevicePointer_v2(unsigned long long *device, void *host, unsigned int flags);
int cuFuncSetAttribute(function_t function, int attribute, int value);

enum { relaxed = 2, portable = 1, device_map = 2, max_dynamic_shared = 8 };

static int begin(void *stream) { return cuStreamBeginCapture_v2((stream_t)stream, relaxed); }

static int end(void *stream, void **exec, size_t *nodes) {
	graph_t graph = NULL;
	int r = cuStreamEndCapture((stream_t)stream, &graph);
	if (r == 0) r = cuGraphGetNodes(graph, NULL, nodes);
	if (r == 0) r = cuGraphInstantiateWithFlags((exec_t *)exec, graph, 0);
	if (graph) cuGraphDestroy(graph);
	return r;
}

static int replay(void *exec, void *stream) { return cuGraphLaunch((exec_t)exec, (stream_t)stream); }
static int destroy(void *exec) { return cuGraphExecDestroy((exec_t)exec); }

static int pinned(void **host, unsigned long long *device, size_t bytes) {
	int r = cuMemHostAlloc(host, bytes, portable | device_map);
	return r ? r : cuMemHostGetDevicePointer_v2(device, *host, 0);
}

static int shared(void *function, int bytes) { return cuFuncSetAttribute((function_t)function, max_dynamic_shared, bytes); }
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"cobot_vla/model/nn/cuda"
)

// code is a CUresult, which cu has names for.
func code(r C.int, what string) error {
	switch r {
	case 0:
		return nil
	case 2:
		return fmt.Errorf("%s: %w", what, cuda.ErrMemory)
	}
	return fmt.Errorf("%s: %w: CUDA error %d", what, cuda.ErrLost, int(r))
}

func raw(s cu.Stream) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&s)) }

func beginCapture(s cu.Stream) error { return code(C.begin(raw(s)), "capture") }

// graph is an executable CUDA graph.
type graph struct {
	exec  unsafe.Pointer
	nodes int
}

func (g *graph) Nodes() int   { return g.nodes }
func (g *graph) Close() error { return code(C.destroy(g.exec), "graph") }

func endCapture(s cu.Stream) (cuda.Graph, error) {
	var g graph
	var nodes C.size_t
	err := code(C.end(raw(s), &g.exec, &nodes), "graph")
	g.nodes = int(nodes)
	return &g, err
}

func replay(g *graph, s cu.Stream) error { return code(C.replay(g.exec, raw(s)), "replay") }

// pinned memory of the host, and where the device sees it.
func pinned(bytes int) (host unsafe.Pointer, device cuda.Pointer, err error) {
	var at C.ulonglong
	err = code(C.pinned(&host, &at, C.size_t(bytes)), fmt.Sprintf("%d bytes of pinned memory", bytes))
	return host, cuda.Pointer(at), err
}

func allowShared(f cu.Function, bytes int) error {
	return code(C.shared(*(*unsafe.Pointer)(unsafe.Pointer(&f)), C.int(bytes)), fmt.Sprintf("%d bytes of shared memory", bytes))
}
