// Package layers holds the transformer stacks that more than one model uses,
// written once over nn.Backend: Encoder, the pre-norm vision transformer
// (SigLIP, InternViT, MAE) and GPT-2's blocks, and Decoder, the Qwen2 language
// model. The model packages load the weights by their names and build these.
package layers
