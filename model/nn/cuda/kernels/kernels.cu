// All kernels of the CUDA backend, as one module. `make ptx` turns it into kernels.ptx.
#include "products.cu"
#include "attention.cu"
#include "rows.cu"
#include "measure.cu"
