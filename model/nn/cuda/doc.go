// Package cuda is the nn.Backend of NVIDIA GPUs: what kernels are launched over
// what memory. It is pure Go: a Device launches them, which package driver makes
// of gorgonia.org/cu (-tags cuda), and package emulator of software, for tests.
//
// # Kernels
//
// They are CUDA C in the folder kernels, compiled by Debian's clang to PTX for
// sm_80 (`make ptx`), which is embedded and which drivers of CUDA 11 and later
// translate for Ampere, Ada, Hopper and Orin alike. Products are bf16 in tensor
// cores with f32 sums; up to 128 rows they stream the weights once, and a row's
// bits do not depend on the rows beside it. Attention never writes its scores to memory.
//
// # Precisions
//
// F32 is for comparing. BF16 has bf16 weights and activations. W8A16 keeps
// weights as int8 with a scale for every output and multiplies them as bf16 with bf16 activations:
// half the memory to read for every token. Norms, softmax and residuals are f32.
//
// # Decoding
//
// Record captures one step, 5 kernels a layer and 4 around them, as a CUDA graph that serves every
// token: positions, tokens, what may be said and whether to stop live on the device. A
// picked token is written to pinned memory of the host, which Next polls.
package cuda
