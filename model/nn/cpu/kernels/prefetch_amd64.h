// PREFETCH asks for lines of the panel at DI. Few rows, and a matrix unit, wait for memory:
// 3 KB ahead keeps more lines in flight than the hardware does. (At 4 KB, where an address has
// the last 12 bits of the one that is read, an Intel Xeon with AMX reads a fifth slower.)
#define PREFETCH \
	PREFETCHT0 3072(DI) \
	PREFETCHT0 3136(DI) \
	PREFETCHT0 3200(DI) \
	PREFETCHT0 3264(DI) \
	PREFETCHT0 3328(DI) \
	PREFETCHT0 3392(DI) \
	PREFETCHT0 3456(DI) \
	PREFETCHT0 3520(DI)
