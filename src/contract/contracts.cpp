// SPDX-License-Identifier: Apache-2.0
// The table of contracts. Invariant: a change that can move one output bit is a new name, never an edit.
#include <algorithm>
#include <string>

#include <plumbline/contract.h>
#include <plumbline/error.h>

namespace plumbline {
namespace {

constexpr std::string_view kHuggingFace = "Hugging Face transformers, eager attention, on LibTorch";

std::vector<Contract> make_contracts() {
  using enum Grid;
  return {
      {"embedding/copy",
       {OpKind::embedding},
       {{"out", model}},
       Accumulator::none,
       kHuggingFace,
       "copies rows of the table; a scale other than 1 multiplies in f32 and rounds once"},
      {"rope-table/f32",
       {OpKind::rope_table},
       {{"inv_freq", f32}, {"freqs", f32}, {"cos32", f32}, {"sin32", f32}, {"out", model}},
       Accumulator::none,
       kHuggingFace,
       "angles, cosine and sine in f32, each rounded once to the model's format"},
      {"rope-table/f32out",
       {OpKind::rope_table},
       {{"inv_freq", f32}, {"freqs", f32}, {"cos32", f32}, {"sin32", f32}, {"out", f32}},
       Accumulator::none,
       "Hugging Face ERNIE 4.5; OLMo 2 since pull request 38131",
       "angles, cosine and sine in f32, handed out as they are"},
      {"rmsnorm/llama",
       {OpKind::rmsnorm},
       {{"x32", exact}, {"var", f32}, {"rstd", f32}, {"n32", f32}, {"n", model}, {"out", model}},
       Accumulator::scalar_any,
       "Hugging Face Llama, Qwen2, Qwen3, Mistral, Phi-3, ERNIE 4.5",
       "x * rstd in f32 is rounded to the model's format, its product with the weight is rounded again"},
      {"rmsnorm/olmo",
       {OpKind::rmsnorm},
       {{"x32", exact}, {"var", f32}, {"rstd", f32}, {"n32", f32}, {"n", f32}, {"out", model}},
       Accumulator::scalar_any,
       "Hugging Face OLMo 2 since pull request 38131; at::rms_norm",
       "weight * (x * rstd) in f32, rounded once"},
      {"rmsnorm/gemma",
       {OpKind::rmsnorm},
       {{"x32", exact}, {"var", f32}, {"rstd", f32}, {"n32", f32}, {"n", f32}, {"out", model}},
       Accumulator::scalar_any,
       "Hugging Face Gemma, Gemma 2 and 3",
       "(1 + weight) * (x * rstd) in f32, rounded once: the weight is stored as an offset from one"},
      {"rmsnorm/f32",
       {OpKind::rmsnorm},
       {{"x32", exact}, {"var", f32}, {"rstd", f32}, {"n32", f32}, {"n", f32}, {"out", f32}},
       Accumulator::scalar_any,
       "our choice: fused kernels that feed the matrix product from registers",
       "weight * (x * rstd) stays in f32: nothing is rounded to the model's format"},
      {"linear/f32acc",
       {OpKind::linear},
       {{"out", model}},
       Accumulator::any,
       kHuggingFace,
       "products and bias are summed in f32 in any order, rounded once"},
      {"linear/f32out",
       {OpKind::linear},
       {{"out", f32}},
       Accumulator::any,
       "llama.cpp's single-token path; fused kernels whose next op reads the accumulator",
       "products and bias are summed in f32 in any order and stay there: nothing is rounded to the model's format"},
      {"linear/tf32",
       {OpKind::linear},
       {{"out", model}},
       Accumulator::any,
       "tensor cores on f32 tiles: Triton's tl.dot, PyTorch with TF32 allowed (which may round instead)",
       "operands are cut to TF32 (f32 without its lower 13 bits), products and bias summed in f32 in any order, "
       "rounded "
       "once"},
      {"linear/f16",
       {OpKind::linear},
       {{"out", model}},
       Accumulator::any,
       "kernels that cast their tiles to f16 for the tensor cores",
       "operands are rounded to f16 (65520 and more become infinite), products and bias summed in f32 in any order, "
       "rounded once"},
      {"rope/neox-t",
       {OpKind::rope},
       {{"cos", model}, {"rot_sin", model}, {"out", model}},
       Accumulator::none,
       "Hugging Face Llama, Qwen2, Qwen3, Mistral, Gemma 2 and 3, Phi-3",
       "both products and their sum are each rounded to the model's format"},
      {"rope/neox-f32",
       {OpKind::rope},
       {{"cos", f32}, {"rot_sin", f32}, {"out", model}},
       Accumulator::none,
       "Hugging Face OLMo 2 since pull request 38131",
       "halves are rotated in f32, rounded once"},
      {"rope/interleaved-f32",
       {OpKind::rope},
       {{"cos", f32}, {"rot_sin", f32}, {"out", model}},
       Accumulator::none,
       "Hugging Face ERNIE 4.5, GLM",
       "neighbouring channels are rotated in f32, rounded once"},
      {"layout/copy",
       {OpKind::split_heads, OpKind::merge_heads, OpKind::kv_append},
       {{"out", exact}},
       Accumulator::none,
       kHuggingFace,
       "moves values, changes none"},
      {"attention/eager",
       {OpKind::attn_scores, OpKind::scale, OpKind::causal_mask, OpKind::softmax, OpKind::attn_context},
       {{"probs32", f32}, {"out", model}},
       Accumulator::any,
       kHuggingFace,
       "scores, scaling, masking, f32 softmax and the product with V are each rounded to the model's format"},
      {"attention/sdpa",
       {OpKind::attn_scores, OpKind::scale, OpKind::causal_mask, OpKind::softmax, OpKind::attn_context},
       {{"e", model}, {"probs32", f32}, {"inner", f32}, {"out", model}},
       Accumulator::any,
       "scaled_dot_product_attention of LibTorch on the CPU",
       "scores, scaling and masking stay in f32; exp(score - maximum so far, by blocks of 512 keys) is rounded to the "
       "model's format for the product with V, which is divided by the unrounded sum and rounded once"},
      {"attention/sdpa-avx512",
       {OpKind::attn_scores, OpKind::scale, OpKind::causal_mask, OpKind::softmax, OpKind::attn_context},
       {{"cubic", f32}, {"e", model}, {"probs32", f32}, {"inner", f32}, {"out", model}},
       Accumulator::any,
       "scaled_dot_product_attention of LibTorch on a CPU with AVX-512, narrow formats",
       "attention/sdpa with exp good to 1.1e-4, a cubic, for keys taken sixteen at a time"},
      {"attention/f32",
       {OpKind::attn_scores, OpKind::scale, OpKind::causal_mask, OpKind::softmax, OpKind::attn_context},
       {{"probs32", f32}, {"inner", f32}, {"out", model}},
       Accumulator::any,
       "kernels that keep the probabilities in f32: LibTorch's math path of scaled_dot_product_attention",
       "everything from the scores to the product with V stays in f32, which is rounded once"},
      {"add/rounded", {OpKind::add}, {{"out", model}}, Accumulator::none, kHuggingFace, "the sum is rounded once"},
      {"multiply/rounded",
       {OpKind::multiply},
       {{"out", model}},
       Accumulator::none,
       kHuggingFace,
       "the product is rounded once"},
      {"silu/f32",
       {OpKind::silu},
       {{"out", model}},
       Accumulator::none,
       kHuggingFace,
       "x / (1 + exp(-x)) in f32, rounded once"},
      {"gelu-tanh/f32",
       {OpKind::gelu_tanh},
       {{"out", model}},
       Accumulator::none,
       "Hugging Face Gemma 2 and 3: gelu_pytorch_tanh",
       "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) in f32, rounded once"},
      {"softcap/rounded",
       {OpKind::softcap},
       {{"quotient", model}, {"tanh", model}, {"out", model}},
       Accumulator::none,
       "Hugging Face Gemma 2, eager attention and logits",
       "x / cap, its hyperbolic tangent and that times cap are each rounded to the model's format"},
  };
}

}  // namespace

Grid Contract::grid(std::string_view stage) const {
  for (const Stage& candidate : stages) {
    if (candidate.name == stage) return candidate.grid;
  }
  throw InputError("a contract has no such stage",
                   {"contract  " + std::string(name), "stage     " + std::string(stage)},
                   "taps inside an op are named after the contract's stages");
}

bool Contract::has_stage(std::string_view stage) const {
  return std::any_of(stages.begin(), stages.end(), [&](const Stage& s) { return s.name == stage; });
}

bool Contract::covers(OpKind kind) const { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); }

const std::vector<Contract>& all_contracts() {
  static const std::vector<Contract> contracts = make_contracts();
  return contracts;
}

const Contract& find_contract(std::string_view name) {
  std::vector<std::string> names;
  for (const Contract& contract : all_contracts()) {
    if (contract.name == name) return contract;
    names.emplace_back(contract.name);
  }
  std::vector<std::string> details = {"contract  " + std::string(name)};
  for (const std::string& near : near_misses(name, names)) details.push_back("nearest   " + near);
  throw InputError("unknown rounding contract", details, "the op graph must name a contract that this build knows");
}

std::vector<const Contract*> contracts_for(OpKind kind) {
  std::vector<const Contract*> found;
  for (const Contract& contract : all_contracts()) {
    if (contract.covers(kind)) found.push_back(&contract);
  }
  return found;
}

}  // namespace plumbline
