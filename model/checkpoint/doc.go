// Package checkpoint reads and writes what a policy is made of on disk: the
// files Hugging Face ships (config.json, generation_config.json, safetensors,
// a tokenizer) and manifest.yaml, which binds a checkpoint to a robot. It owns
// the file formats and the tensor names; it computes nothing. The model
// packages call it when they load, `cobot_vla model convert`, `synth` and
// training when they save.
//
// # Reading
//
// Open(dir) reads the configuration, maps the weights and gives every tensor
// one canonical name, whichever of the three naming schemes the file uses:
//
//	c, err := checkpoint.Open(dir)
//	defer c.Close()
//	c.Config.Language.Hidden                            // 896
//	t, err := c.Tensor("language.layers.0.self_attn.q_proj.weight", 896, 896)
//	err = t.ToF32(dst)                                  // any of F32, F16, BF16
//	head, err := c.Head()                               // lm_head, or the embedding when tied
//
//	tok, err := c.Tokenizer()                           // model/text's
//	n := c.Predictable(tok)                             // ids 0 to n-1 mean something
//
// Tensor checks the shape it is given (-1 stands for any size in a dimension)
// and its error names the tensor, the file and what was expected. The bytes of
// a Tensor are the mapped file: they are read-only and valid until Close.
//
// The canonical names are these; what follows the first part is spelled as in
// the files themselves. Shapes are row-major, [out, in] for a linear layer.
//
//	vision.embeddings.patch_embedding.{weight [C,3,P,P], bias [C]}
//	vision.embeddings.position_embedding.weight [grid*grid, C]
//	vision.encoder.layers.N.{layer_norm1,layer_norm2}.{weight,bias} [C]
//	vision.encoder.layers.N.self_attn.{q_proj,k_proj,v_proj,out_proj}.{weight [C,C], bias [C]}
//	vision.encoder.layers.N.mlp.fc1.{weight [F,C], bias [F]}
//	vision.encoder.layers.N.mlp.fc2.{weight [C,F], bias [C]}
//	vision.post_layernorm.{weight,bias} [C]             // in the file, unused by LLaVA
//	projector.0.{weight [H,C], bias [H]}, projector.2.{weight [H,H], bias [H]}
//	newline [H]
//	language.embed_tokens.weight [V,H]
//	language.layers.N.input_layernorm.weight, post_attention_layernorm.weight [H]
//	language.layers.N.self_attn.{q_proj [heads*D,H], k_proj, v_proj [kv*D,H]}.{weight,bias}
//	language.layers.N.self_attn.o_proj.weight [H, heads*D]
//	language.layers.N.mlp.{gate_proj,up_proj}.weight [F,H], down_proj.weight [H,F]
//	language.norm.weight [H]
//	head.weight [V,H]                                   // absent when tied
//
// Canonical(name) maps a file's name, Scheme.Name(canonical) maps back. Names
// that no scheme knows stay as they are, so that a file of another model can be
// read through the same calls.
//
// # Writing
//
// WriteConfig, WriteGeneration and Create write a checkpoint that Open, and the
// original's code, reads; Synth writes one of random weights in a real one's shapes.
//
// Below that, OpenFile reads one safetensors file by its own names (golden
// files, weights of other policies), and Create writes one, tensor by tensor,
// without holding it in memory.
package checkpoint
