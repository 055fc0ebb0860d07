// Package launch reads ROS 2 launch files in YAML and runs what they say, so
// that the files which `ros2 launch` takes on a ROS 2 Humble machine run the
// same on a machine without ROS and without Python.
//
// It owns the reader (Load, File.Plan), the files of this package (Share) and
// the runner (Runner.Run). A launch file is read whole before anything runs:
// an attribute, action or substitution that the reader does not know is an
// error with file and line; nothing is ignored. The result is a Plan, a list of
// resolved actions in the order of the file; the runner executes it, our own
// nodes in this process, other packages' nodes from AMENT_PREFIX_PATH.
//
// # What is understood
//
// The actions arg, let, group, include, push-ros-namespace, set_env, unset_env,
// append_env, reset_env, reset, set_parameter, set_parameters_from_file,
// set_remap, node, executable and log, each with if or unless; the
// substitutions var, env, find-pkg-share, find-pkg-prefix, exec-in-pkg,
// find-exec, dirname, filename, not, and, or, with Humble's quoting rules.
//
// The rules are those of Humble's launch 1.0.7, launch_yaml and launch_ros
// 0.19.8, in particular:
//
//   - Values have YAML 1.1 types and are not converted: `if: "true"`,
//     `default: "0"` and `respawn: "true"` are strings and want quotes,
//     respawn_delay is a float and wants its point.
//   - A parameter without a type takes the YAML type of its value; what a
//     substitution yields is read as YAML. Free text wants `type: str`.
//   - An included file shares the includer's variables: an arg that the includer
//     has set keeps that value, and what the file sets stays set. Only a scoped
//     group (the default) restores variables, environment, namespace, parameters
//     and remaps at its end.
//   - A node's parameters apply in order, the last wins: those of set_parameter
//     and set_parameters_from_file first, then the node's own from top to bottom.
//   - Remaps apply in order, the first that matches wins: set_remap before the
//     node's own.
//
// # Where it is stricter or saner than Humble
//
// These are errors here: keys given twice, merge keys, arguments nobody declares
// or reads, empty lists, parameter files without ros__parameters, and plain
// scalars that ROS 2's two YAML readers take for different types (1e5, y).
// After an include $(dirname) is the including file's again, and what
// set_parameter and set_remap add inside a scoped group never leaks out of it;
// in Humble both leak in some orders. A list given to set_parameter stays a
// list, and strings stay strings; Humble hands a list over as the text of a
// Python tuple. A missing parameter file is an error, there a warning.
package launch
