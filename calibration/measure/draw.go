package measure

import (
	"fmt"
	"math"
	"strings"
)

// SVG draws residuals as points around a cross, in a circle of their largest length.
func SVG(title, unit string, all []Residual) string {
	most := 1e-12
	for _, r := range all {
		most = math.Max(most, math.Hypot(r.X, r.Y))
	}
	const size, middle, reach = 420, 210, 150.0
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", size, size+30)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="10" y="20">%s: residuals, circle %.3g %s</text>`+"\n", escape(title), most, unit)
	fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="%g" fill="none" stroke="#999"/><path d="M%d %gV%gM%g %dH%g" stroke="#ccc"/>`+"\n",
		middle, middle+15, reach, middle, middle+15-reach, middle+15+reach, middle-reach, middle+15, middle+reach)
	for _, r := range all {
		x, y := middle+reach*r.X/most, middle+15-reach*r.Y/most
		fmt.Fprintf(&b, `<path d="M%d %dL%.1f %.1f" stroke="#2f81f7"/><circle cx="%.1f" cy="%.1f" r="3" fill="#2f81f7"/><text x="%.1f" y="%.1f">%s</text>`+"\n",
			middle, middle+15, x, y, x, y, x+5, y-5, escape(r.What))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
