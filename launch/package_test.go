package launch

import (
	"encoding/xml"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func cmakeLists(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../CMakeLists.txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What our launch files start of ours is installed under that name.
func TestCMakeInstallsTheNodesWeLaunch(t *testing.T) {
	_, list, ok := strings.Cut(cmakeLists(t), "set(nodes\n")
	list, _, end := strings.Cut(list, ")")
	if !ok || !end {
		t.Fatal("CMakeLists.txt has no set(nodes …)")
	}
	installed := strings.Fields(list)
	for file, byName := range variants {
		f, err := Load(ours(), EmbeddedRoot+"cobot_vla/launch/"+file+".launch.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range byName {
			plan, err := f.Plan(args)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range plan.Actions {
				if n, ok := a.(*Node); ok && n.Package == "cobot_vla" && !slices.Contains(installed, n.Executable) {
					t.Errorf("%s starts %s, which CMakeLists.txt does not install", n.Where, n.Executable)
				}
			}
		}
	}
}

// What CMake looks for is declared in package.xml, so that rosdep installs it
// and colcon builds it before.
func TestPackageDeclaresWhatCMakeFinds(t *testing.T) {
	data, err := os.ReadFile("../package.xml")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Format     string `xml:"format,attr"`
		Name       string `xml:"name"`
		License    string `xml:"license"`
		Maintainer struct {
			Email string `xml:"email,attr"`
		} `xml:"maintainer"`
		Build  []string `xml:"buildtool_depend"`
		Depend []string `xml:"depend"`
		Exec   []string `xml:"exec_depend"`
		Groups []string `xml:"member_of_group"`
	}
	if err := xml.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	if p.Format != "3" || p.Name != "cobot_vla" || p.License != "Apache-2.0" || !regexp.MustCompile(`^[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-z]{2,}$`).MatchString(p.Maintainer.Email) || !slices.Contains(p.Groups, "rosidl_interface_packages") {
		t.Errorf("%+v", p)
	}
	declared := slices.Concat(p.Build, p.Depend, p.Exec)
	text := cmakeLists(t)
	var found []string
	for _, m := range regexp.MustCompile(`find_package\((\w+) REQUIRED\)`).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	_, list, _ := strings.Cut(text, "foreach(package ")
	list, _, _ = strings.Cut(list, ")")
	found = append(found, strings.Fields(list)...)
	if len(found) < 10 {
		t.Fatalf("only %q found in CMakeLists.txt", found)
	}
	for _, name := range found {
		if !slices.Contains(declared, name) {
			t.Errorf("CMakeLists.txt wants %s, package.xml does not declare it", name)
		}
	}
}
