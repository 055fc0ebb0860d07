package emulator

import (
	"fmt"
	"math"
	"math/bits"
)

func f32(x uint64) float32  { return math.Float32frombits(uint32(x)) }
func of32(x float32) uint64 { return uint64(math.Float32bits(x)) }
func fma(a, b, c float32) float32 {
	return float32(float64(a)*float64(b) + float64(c))
}

// one, two and three make instructions of functions of a lane.
func one(f func(a uint64) uint64) func(*warp, *instr, int32) {
	return func(w *warp, in *instr, d int32) {
		to, a := w.reg(d), w.reg(in.a)
		for i := range lanes {
			to[i] = f(a[i])
		}
	}
}

func two(f func(a, b uint64) uint64) func(*warp, *instr, int32) {
	return func(w *warp, in *instr, d int32) {
		to, a, b := w.reg(d), w.reg(in.a), w.reg(in.b)
		for i := range lanes {
			to[i] = f(a[i], b[i])
		}
	}
}

func three(f func(a, b, c uint64) uint64) func(*warp, *instr, int32) {
	return func(w *warp, in *instr, d int32) {
		to, a, b, c := w.reg(d), w.reg(in.a), w.reg(in.b), w.reg(in.c)
		for i := range lanes {
			to[i] = f(a[i], b[i], c[i])
		}
	}
}

func integer(kind string) (width int, signed, ok bool) {
	switch kind {
	case "s8", "u8", "b8", "s16", "u16", "b16", "s32", "u32", "b32", "s64", "u64", "b64":
	default:
		return 0, false, false
	}
	switch kind[1:] {
	case "8":
		width = 8
	case "16":
		width = 16
	case "32":
		width = 32
	default:
		width = 64
	}
	return width, kind[0] == 's', true
}

// cut keeps the low bits, as registers hold them; extend gives them back their sign.
func cut(x uint64, width int) uint64 {
	if width == 64 {
		return x
	}
	return x & (1<<width - 1)
}

func extend(x uint64, width int, signed bool) int64 {
	x = cut(x, width)
	if signed && width < 64 {
		return int64(x<<(64-width)) >> (64 - width)
	}
	return int64(x)
}

// arithmetic is the operation of an opcode, and how many operands it has.
func arithmetic(op []string, kind string) (int, func(*warp, *instr, int32)) {
	name := op[0]
	if name == "cvt" {
		return conversion(op)
	}
	if kind == "f32" {
		return floating(op)
	}
	if width, signed, ok := integer(kind); ok {
		return integral(op, width, signed)
	}
	return 0, nil
}

func floating(op []string) (int, func(*warp, *instr, int32)) {
	switch op[0] {
	case "mov":
		return 1, mov32
	case "add":
		return 2, func(w *warp, in *instr, d int32) {
			to, a, b := w.reg(d), w.reg(in.a), w.reg(in.b)
			for i := range lanes {
				to[i] = of32(f32(a[i]) + f32(b[i]))
			}
		}
	case "sub":
		return 2, two(func(a, b uint64) uint64 { return of32(f32(a) - f32(b)) })
	case "mul":
		return 2, func(w *warp, in *instr, d int32) {
			to, a, b := w.reg(d), w.reg(in.a), w.reg(in.b)
			for i := range lanes {
				to[i] = of32(f32(a[i]) * f32(b[i]))
			}
		}
	case "div":
		return 2, two(func(a, b uint64) uint64 { return of32(f32(a) / f32(b)) })
	case "fma":
		return 3, func(w *warp, in *instr, d int32) {
			to, a, b, c := w.reg(d), w.reg(in.a), w.reg(in.b), w.reg(in.c)
			for i := range lanes {
				to[i] = of32(fma(f32(a[i]), f32(b[i]), f32(c[i])))
			}
		}
	case "max":
		return 2, two(func(a, b uint64) uint64 {
			x, y := f32(a), f32(b)
			switch { // a number wins over what is none
			case x != x:
				return b
			case y != y || x > y:
				return a
			}
			return b
		})
	case "neg":
		return 1, one(func(a uint64) uint64 { return a ^ 1<<31 })
	case "abs":
		return 1, one(func(a uint64) uint64 { return a &^ (1 << 31) })
	case "rcp":
		return 1, one(func(a uint64) uint64 { return of32(1 / f32(a)) })
	case "sqrt":
		return 1, one(func(a uint64) uint64 { return of32(float32(math.Sqrt(float64(f32(a))))) })
	case "ex2":
		return 1, one(func(a uint64) uint64 {
			y := float32(math.Exp2(float64(f32(a))))
			if y < 0x1p-126 {
				y = 0
			}
			return of32(y)
		})
	}
	return 0, nil
}

func mov32(w *warp, in *instr, d int32) {
	to, a := w.reg(d), w.reg(in.a)
	for i := range lanes {
		to[i] = uint64(uint32(a[i]))
	}
}

func integral(op []string, width int, signed bool) (int, func(*warp, *instr, int32)) {
	c := func(x uint64) uint64 { return cut(x, width) }
	x := func(v uint64) int64 { return extend(v, width, signed) }
	switch op[0] {
	case "mov":
		if width == 32 {
			return 1, mov32
		}
		return 1, one(c)
	case "add":
		switch width {
		case 32:
			return 2, func(w *warp, in *instr, d int32) {
				to, a, b := w.reg(d), w.reg(in.a), w.reg(in.b)
				for i := range lanes {
					to[i] = uint64(uint32(a[i] + b[i]))
				}
			}
		case 64:
			return 2, func(w *warp, in *instr, d int32) {
				to, a, b := w.reg(d), w.reg(in.a), w.reg(in.b)
				for i := range lanes {
					to[i] = a[i] + b[i]
				}
			}
		}
		return 2, two(func(a, b uint64) uint64 { return c(a + b) })
	case "sub":
		return 2, two(func(a, b uint64) uint64 { return c(a - b) })
	case "mul":
		switch op[1] {
		case "lo":
			return 2, two(func(a, b uint64) uint64 { return c(a * b) })
		case "wide": // the type is that of the factors
			return 2, two(func(a, b uint64) uint64 { return cut(uint64(x(a)*x(b)), 2*width) })
		case "hi":
			if !signed && width <= 32 {
				return 2, two(func(a, b uint64) uint64 { return c(c(a) * c(b) >> width) })
			}
		}
		return 0, nil
	case "mad":
		if op[1] != "lo" {
			return 0, nil
		}
		return 3, three(func(a, b, d uint64) uint64 { return c(a*b + d) })
	case "div", "rem":
		rest := op[0] == "rem"
		if signed {
			return 0, nil
		}
		return 2, two(func(a, b uint64) uint64 {
			a, b = c(a), c(b)
			switch {
			case b == 0: // undefined; a lane that is not there may do it
				return c(math.MaxUint64)
			case rest:
				return a % b
			}
			return a / b
		})
	case "min", "max":
		least := op[0] == "min"
		return 2, two(func(a, b uint64) uint64 {
			less := uint64(x(a)) < uint64(x(b))
			if signed {
				less = x(a) < x(b)
			}
			if less == least {
				return c(a)
			}
			return c(b)
		})
	case "and":
		return 2, two(func(a, b uint64) uint64 { return c(a & b) })
	case "or":
		return 2, two(func(a, b uint64) uint64 { return c(a | b) })
	case "xor":
		return 2, two(func(a, b uint64) uint64 { return c(a ^ b) })
	case "not":
		return 1, one(func(a uint64) uint64 { return c(^a) })
	case "neg":
		return 1, one(func(a uint64) uint64 { return c(-a) })
	case "shl":
		return 2, two(func(a, b uint64) uint64 { return c(a << min(cut(b, 32), 64)) })
	case "shr":
		return 2, two(func(a, b uint64) uint64 {
			n := min(cut(b, 32), 63)
			if signed {
				return c(uint64(x(a) >> n))
			}
			if cut(b, 32) >= uint64(width) {
				return 0
			}
			return c(a) >> n
		})
	case "bfe":
		return 3, three(func(a, at, n uint64) uint64 {
			at, n = at&0xff, n&0xff
			v := c(a) >> at
			if n == 0 {
				return 0
			}
			return c(uint64(extend(v, int(min(n, uint64(width))), signed)))
		})
	case "prmt":
		return 3, three(func(a, b, s uint64) uint64 {
			both := cut(a, 32) | b<<32
			out := uint64(0)
			for i := range 4 {
				pick := s >> (4 * i) & 0xf
				v := both >> (8 * (pick & 7)) & 0xff
				if pick&8 != 0 {
					v = uint64(uint8(int8(v) >> 7))
				}
				out |= v << (8 * i)
			}
			return out
		})
	}
	return 0, nil
}

func conversion(op []string) (int, func(*warp, *instr, int32)) {
	from, to := op[len(op)-1], op[len(op)-2]
	if to == "bf16x2" && from == "f32" && op[1] == "rn" {
		return 2, two(func(a, b uint64) uint64 { return uint64(bf16(f32(a)))<<16 | uint64(bf16(f32(b))) })
	}
	width, signed, ok := integer(from)
	if !ok {
		return 0, nil
	}
	if to == "f32" {
		if !signed {
			return 1, one(func(a uint64) uint64 { return of32(float32(cut(a, width))) })
		}
		return 1, one(func(a uint64) uint64 { return of32(float32(extend(a, width, true))) })
	}
	wide, _, ok := integer(to)
	if !ok {
		return 0, nil
	}
	return 1, one(func(a uint64) uint64 { return cut(uint64(extend(a, width, signed)), wide) })
}

// bf16 rounds to nearest, ties to even.
func bf16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return 0x7fff
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func comparison(name, kind string) (func(a, b uint64) bool, error) {
	if kind == "f32" {
		return map[string]func(a, b uint64) bool{
			"eq":  func(a, b uint64) bool { return f32(a) == f32(b) },
			"lt":  func(a, b uint64) bool { return f32(a) < f32(b) },
			"le":  func(a, b uint64) bool { return f32(a) <= f32(b) },
			"gt":  func(a, b uint64) bool { return f32(a) > f32(b) },
			"ge":  func(a, b uint64) bool { return f32(a) >= f32(b) },
			"neu": func(a, b uint64) bool { return !(f32(a) == f32(b)) },
			"leu": func(a, b uint64) bool { return !(f32(a) > f32(b)) },
			"geu": func(a, b uint64) bool { return !(f32(a) < f32(b)) },
			"ltu": func(a, b uint64) bool { return !(f32(a) >= f32(b)) },
			"gtu": func(a, b uint64) bool { return !(f32(a) <= f32(b)) },
			"nan": func(a, b uint64) bool { return f32(a) != f32(a) || f32(b) != f32(b) },
			"num": func(a, b uint64) bool { return f32(a) == f32(a) && f32(b) == f32(b) },
		}[name], nil
	}
	width, signed, ok := integer(kind)
	if !ok {
		return nil, fmt.Errorf("comparison of %s is unknown", kind)
	}
	order := func(a, b uint64) int { // of what the registers hold
		if signed {
			x, y := extend(a, width, true), extend(b, width, true)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
		low, less := bits.Sub64(cut(a, width), cut(b, width), 0)
		switch {
		case less != 0:
			return -1
		case low != 0:
			return 1
		}
		return 0
	}
	f, ok := map[string]func(a, b uint64) bool{
		"eq": func(a, b uint64) bool { return cut(a, width) == cut(b, width) },
		"ne": func(a, b uint64) bool { return cut(a, width) != cut(b, width) },
		"lt": func(a, b uint64) bool { return order(a, b) < 0 },
		"le": func(a, b uint64) bool { return order(a, b) <= 0 },
		"gt": func(a, b uint64) bool { return order(a, b) > 0 },
		"ge": func(a, b uint64) bool { return order(a, b) >= 0 },
	}[name]
	if !ok {
		return nil, fmt.Errorf("comparison %s is unknown", name)
	}
	return f, nil
}

func selp(w *warp, in *instr, d int32) {
	to, a, b, p := w.reg(d), w.reg(in.a), w.reg(in.b), w.p[in.c]
	for i := range lanes {
		v := b[i]
		if p>>i&1 != 0 {
			v = a[i]
		}
		to[i] = v
	}
}

func shuffle(w *warp, in *instr, d int32) {
	to, a, m := w.reg(d), w.reg(in.a), w.reg(in.b)
	var from [lanes]uint64
	copy(from[:], a)
	for i := range lanes {
		to[i] = from[i^int(m[i]&31)]
	}
}
