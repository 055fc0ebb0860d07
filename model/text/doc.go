// Package text turns words into token ids and back, exactly as Qwen2's
// tokenizer does, and builds the chat prompt of LLaVA-VLA around them. It owns
// the byte-level BPE, the normaliser, the pre-tokenizer and the special tokens;
// what the action and proprioception ids mean is model/token's. The model
// packages call it once per instruction.
//
//	tok, err := text.Load(dir)             // tokenizer.json, or vocab.json + merges.txt + added_tokens.json
//	ids := tok.Encode("push the bottle")   // special tokens in the text are recognised
//	s := tok.Decode(ids)
//	parts, err := tok.Prompt("push the bottle", nil)
//	ids = parts.Splice(obs)                // … <image> … instruction \n obs …
package text
