// Package data is what training reads: prepared files, one a task, and the
// sampler that draws examples from them.
//
// A file holds observations, each with its label, as the model takes them: crops
// of the model's size in bytes, the proprioception and the decision in SI units,
// and the ids that these are under the manifest and the statistics that the file was
// prepared for, which it carries whole, with the tokenizer: a file and a model's shape are all
// that training needs. Create writes one, from whatever source: an episode after the other. Open
// maps it, and says what is wrong with one that was cut, damaged, or is something else.
//
// Set is train.Data over several files. What it draws is a function of seed
// and step alone, so that training resumes with nothing but the step. Augmentation
// happens while drawing, from the same generators: noise and dropout of the proprioception in SI
// values, before they are binned; shift and colour of the pictures; other words for the instruction.
//
// # The file
//
//	preamble   64 bytes: magic, version, where the others are, and a checksum over all but the pictures
//	pixels     sample after sample, Crops x Side x Side x 3 bytes, packed RGB
//	records    sample after sample, of one size (see record): time, decision, state, ids, the picture's checksum
//	meta       JSON: manifest, statistics, tokenizer, image rules, the episodes and their words
//
// Numbers are little-endian. Pictures are checked when they are read.
package data
