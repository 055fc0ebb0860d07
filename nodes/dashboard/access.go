package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// control says why a request may not control the robot, or "". A request from
// this machine may: it comes from a loopback address, to a local name (so that no
// page of another name that points here passes for one of ours), and through no
// proxy. Any other needs the token.
func (c Config) control(r *http.Request) (why string) {
	if c.Token != "" && sameText(given(r), c.Token) {
		return ""
	}
	switch {
	case fromHere(r):
		return ""
	case c.Token == "":
		return "control from another machine needs a token: start the dashboard with the parameter token, and open the page with ?token=…"
	case given(r) == "":
		return "control from another machine needs the token: open the page with ?token=…"
	}
	return "the token is wrong"
}

// given is the token of a request.
func given(r *http.Request) string {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return t
	}
	return r.URL.Query().Get("token")
}

// sameText compares in a time that tells nothing of either.
func sameText(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func fromHere(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return loopback(host) && localName(r.Host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// localName says whether a Host header means this machine and nothing else.
func localName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return strings.EqualFold(host, "localhost") || loopback(host)
}

// foreign says whether a browser sends the request for a page that is not ours.
func foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// mayRead says whether a page of the request's origin may read over Foxglove's
// protocol: a program's own (no origin, or a file's), one of this machine, or a named one.
func (c Config) mayRead(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	if u.Host == "" || localName(u.Host) {
		return true
	}
	for _, host := range c.FoxgloveOrigins {
		if strings.EqualFold(host, u.Host) {
			return true
		}
	}
	return false
}
