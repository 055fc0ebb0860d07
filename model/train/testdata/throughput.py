"""Training steps of a LLaVA-VLA in PyTorch, for comparison of speed: `cobot_vla bench train` runs it.

The model is built from the config.json of a checkpoint, so shapes are the same: SigLIP's tower, a projector, a newline,
Qwen2's language model, scores of the tokens that a label can be, at the labels' places only. Weights, pixels and ids are random: they
change no time. Every step is a forward and a backward pass over the batch, clipping and AdamW, all in f32, in
micro batches as ours. Prints the seconds of every step, as JSON.
"""
import argparse, json, time
import torch
from torch import nn
import torch.nn.functional as F

class Encoder(nn.Module):
    """A block of the vision tower."""
    def __init__(self, c):
        super().__init__()
        h, self.heads = c["hidden_size"], c["num_attention_heads"]
        self.norm1, self.norm2 = nn.LayerNorm(h, eps=1e-6), nn.LayerNorm(h, eps=1e-6)
        self.qkv, self.out = nn.Linear(h, 3 * h), nn.Linear(h, h)
        self.fc1, self.fc2 = nn.Linear(h, c["intermediate_size"]), nn.Linear(c["intermediate_size"], h)

    def forward(self, x):
        b, n, h = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, h // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out(attend(q, k, v).transpose(1, 2).reshape(b, n, h))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x)), approximate="tanh"))

def attend(q, k, v, causal=False):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf")).triu(1)
    return scores.softmax(-1) @ v

class RMSNorm(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(h))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

class Decoder(nn.Module):
    """A block of the language model."""
    def __init__(self, c, head):
        super().__init__()
        h, self.heads, self.kv, self.head = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"], head
        self.norm1, self.norm2 = RMSNorm(h), RMSNorm(h)
        self.qkv = nn.Linear(h, (self.heads + 2 * self.kv) * head)
        self.out = nn.Linear(self.heads * head, h, bias=False)
        self.gate_up = nn.Linear(h, 2 * c["intermediate_size"], bias=False)
        self.down = nn.Linear(c["intermediate_size"], h, bias=False)

    def forward(self, x, cos, sin):
        b, n, h = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, -1, self.head).transpose(1, 2).split([self.heads, self.kv, self.kv], 1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (t.repeat_interleave(self.heads // self.kv, 1) for t in (k, v))
        x = x + self.out(attend(q, k, v, causal=True).transpose(1, 2).reshape(b, n, -1))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)

def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin

class Model(nn.Module):
    def __init__(self, config, columns):
        super().__init__()
        v, l = config["vision_config"], config["text_config"]
        head = l.get("head_dim") or l["hidden_size"] // l["num_attention_heads"]
        self.patch = nn.Conv2d(3, v["hidden_size"], v["patch_size"], v["patch_size"])
        self.place = nn.Parameter(0.02 * torch.randn((v["image_size"] // v["patch_size"]) ** 2, v["hidden_size"]))
        self.tower = nn.ModuleList(Encoder(v) for _ in range(v["num_hidden_layers"]))
        self.projector = nn.Sequential(nn.Linear(v["hidden_size"], l["hidden_size"]), nn.GELU(), nn.Linear(l["hidden_size"], l["hidden_size"]))
        self.newline = nn.Parameter(0.02 * torch.randn(1, 1, l["hidden_size"]))
        self.embed = nn.Embedding(l["vocab_size"], l["hidden_size"])
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(Decoder(l, head) for _ in range(l["num_hidden_layers"]))
        self.norm, self.columns = RMSNorm(l["hidden_size"]), columns
        angle = torch.outer(torch.arange(l["max_position_embeddings"]).float(), 1e4 ** (-torch.arange(0, head, 2).float() / head))
        angle = torch.cat((angle, angle), -1)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, pixels, before, after, answer):
        x = self.patch(pixels).flatten(2).transpose(1, 2) + self.place
        for block in self.tower:
            x = block(x)
        x = torch.cat((self.embed(before), self.projector(x), self.newline.expand(len(x), 1, -1), self.embed(after), self.embed(answer[:, :-1])), 1)
        n = x.shape[1]
        for block in self.blocks:
            x = block(x, self.cos[:n], self.sin[:n])
        x = self.norm(x[:, n - answer.shape[1]:])
        return x @ self.embed.weight[: self.columns].t()

def main():
    a = argparse.ArgumentParser()
    a.add_argument("config")
    for name in ("threads", "steps", "batch", "micro", "before", "after", "labels", "columns"):
        a.add_argument("--" + name, type=int, required=True)
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    with open(a.config) as f:
        config = json.load(f)
    model = Model(config, a.columns)
    rule = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.05)
    side, words = config["vision_config"]["image_size"], config["text_config"]["vocab_size"]
    pixels = torch.rand(a.batch, 3, side, side) * 2 - 1
    before, after = torch.randint(words, (a.batch, a.before)), torch.randint(words, (a.batch, a.after))
    labels = torch.randint(a.columns, (a.batch, a.labels))
    seconds = []
    for _ in range(a.steps):
        began = time.perf_counter()
        rule.zero_grad(set_to_none=True)
        for at in range(0, a.batch, a.micro):
            m = slice(at, at + a.micro)
            scores = model(pixels[m], before[m], after[m], labels[m])
            loss = F.cross_entropy(scores.flatten(0, 1), labels[m].flatten()) * len(labels[m]) / a.batch
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rule.step()
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"version": torch.__version__, "parameters": sum(p.numel() for p in model.parameters()), "loss": float(loss), "seconds": seconds}))

main()
