package mujoco

import (
	"strconv"
	"strings"
)

// element is a node of the model's XML.
type element struct {
	tag        string
	attributes []attribute
	children   []*element
}

type attribute struct{ name, value string }

// text is an attribute of words, nums one of numbers, number one of one number.
func text(name, value string) attribute { return attribute{name, value} }

func number(name string, value float64) attribute { return nums(name, value) }

func nums(name string, values ...float64) attribute {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.FormatFloat(v, 'g', 10, 64))
	}
	return attribute{name, b.String()}
}

func vec(name string, v [3]float64) attribute  { return nums(name, v[:]...) }
func quat(name string, q [4]float64) attribute { return nums(name, q[:]...) }

// color is an opaque rgba.
func color(c [3]float64) attribute { return nums("rgba", c[0], c[1], c[2], 1) }

// add appends a child and returns it.
func (e *element) add(tag string, attributes ...attribute) *element {
	child := &element{tag: tag, attributes: attributes}
	e.children = append(e.children, child)
	return child
}

// body appends a body.
func (e *element) body(name string, pos [3]float64, q [4]float64) *element {
	return e.add("body", text("name", name), vec("pos", pos), quat("quat", q))
}

// String is the XML text.
func (e *element) String() string {
	var b strings.Builder
	e.write(&b, 0)
	return b.String()
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;")

func (e *element) write(b *strings.Builder, depth int) {
	indent := strings.Repeat("  ", depth)
	b.WriteString(indent + "<" + e.tag)
	for _, a := range e.attributes {
		b.WriteString(" " + a.name + `="` + escaper.Replace(a.value) + `"`)
	}
	if len(e.children) == 0 {
		b.WriteString("/>\n")
		return
	}
	b.WriteString(">\n")
	for _, child := range e.children {
		child.write(b, depth+1)
	}
	b.WriteString(indent + "</" + e.tag + ">\n")
}
