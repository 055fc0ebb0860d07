package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Arguments is the node's command line after its executable, as ros2 launch
// composes it: its own arguments, then --ros-args with name, namespace,
// parameters in order and remaps. Values of the node's own and files that are
// compiled in or were substituted are written to dir.
func (n *Node) Arguments(dir string) ([]string, error) {
	argv := append([]string{}, n.Args...)
	if len(n.ROSArgs) > 0 {
		argv = append(append(argv, "--ros-args"), n.ROSArgs...)
	}
	argv = append(argv, "--ros-args")
	if n.NodeName != "" {
		argv = append(argv, "-r", "__node:="+n.NodeName)
	}
	if n.Namespace != "" {
		argv = append(argv, "-r", "__ns:="+n.Namespace)
	}
	for i, p := range n.Parameters {
		switch {
		case p.File != nil && !p.File.Changed && !isEmbedded(p.File.Path):
			argv = append(argv, "--params-file", p.File.Path)
		case p.File != nil:
			name, err := n.write(dir, i, p.File.Data)
			if err != nil {
				return nil, err
			}
			argv = append(argv, "--params-file", name)
		case p.Scope:
			for _, v := range p.Values {
				argv = append(argv, "-p", v.Name+":="+v.Value.String())
			}
		default:
			name, err := n.write(dir, i, n.parametersYAML(p.Values))
			if err != nil {
				return nil, err
			}
			argv = append(argv, "--params-file", name)
		}
	}
	for _, r := range n.Remaps {
		argv = append(argv, "-r", r.From+":="+r.To)
	}
	return argv, nil
}

// parametersYAML is a parameter file for this node, or for any where its name is not known.
func (n *Node) parametersYAML(values []Parameter) []byte {
	name := n.FullName()
	if name == "" {
		name = "/**"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n  ros__parameters:\n", name)
	for _, v := range values {
		fmt.Fprintf(&b, "    %s: %s\n", quoteYAML(v.Name), v.Value)
	}
	return []byte(b.String())
}

func (n *Node) write(dir string, i int, data []byte) (string, error) {
	name := filepath.Join(dir, fmt.Sprintf("%s-params-%d.yaml", strings.ReplaceAll(n.Name, "/", "_"), i))
	return name, os.WriteFile(name, data, 0o600)
}
