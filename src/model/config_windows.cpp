// SPDX-License-Identifier: Apache-2.0
// Source: transformers, __post_init__ of Qwen2Config, Qwen3Config, MistralConfig, Gemma2Config and Gemma3TextConfig,
// forward of their models.
#include "model/config_windows.h"

#include <algorithm>

namespace plumbline {
namespace {

constexpr int64_t kDefaultWindowLayers = 28;  // max_window_layers of Qwen2Config and Qwen3Config

/// sliding_window; 0 if it is null.
int64_t stated_window(const ConfigKeys& keys, const Family& family) {
  if (keys.absent("sliding_window")) return family.window;
  return keys.find("sliding_window") == nullptr ? 0 : keys.extent("sliding_window", kMostPositions);
}

/// Of each layer, whether layer_types gives it a window; nothing without that key.
std::vector<bool> stated_types(const ConfigKeys& keys, int64_t layers) {
  const nlohmann::json* types = keys.find("layer_types");
  if (types == nullptr) return {};
  if (!types->is_array()) keys.wrong_type("layer_types", "a list of texts");
  std::vector<bool> slides;
  for (const nlohmann::json& type : *types) {
    if (!type.is_string()) keys.wrong_type("layer_types", "a list of texts");
    if (type != "full_attention" && type != "sliding_attention")
      keys.unsupported("layer_types", "\"full_attention\" or \"sliding_attention\"",
                       "use a checkpoint with attention of these kinds");
    slides.push_back(type == "sliding_attention");
  }
  if (slides.size() != static_cast<size_t>(layers))
    keys.unsupported("layer_types", "one entry for each of num_hidden_layers, " + std::to_string(layers),
                     "correct the key that is wrong");
  return slides;
}

/// sliding_window of all layers but every period-th, unless layer_types says which.
std::vector<int64_t> periodic_windows(const ConfigKeys& keys, const Family& family, int64_t layers) {
  const int64_t window = stated_window(keys, family);
  if (window == 0)
    keys.unsupported("sliding_window", "an integer in this family", "give the number that the model was trained with");
  const bool has_key = family.local_rope_theta != 0.0 && keys.find("sliding_window_pattern") != nullptr;
  const int64_t period = has_key ? keys.extent("sliding_window_pattern", kMostLayers) : family.window_period;
  std::vector<bool> slides = stated_types(keys, layers);
  std::vector<int64_t> windows;
  for (int64_t layer = 0; layer < layers; ++layer) {
    const bool slide = slides.empty() ? (layer + 1) % period != 0 : slides[static_cast<size_t>(layer)];
    windows.push_back(slide ? window : 0);
  }
  const bool any = std::ranges::any_of(windows, [](int64_t one) { return one != 0; });
  return any ? windows : std::vector<int64_t>{};
}

/// Every layer's window, the types being what the class makes of it.
std::vector<int64_t> same_windows(const ConfigKeys& keys, int64_t window, int64_t layers) {
  for (const bool slides : stated_types(keys, layers)) {
    if (slides != (window != 0))
      keys.unsupported(
          "layer_types",
          window != 0 ? "\"sliding_attention\" in every layer, as sliding_window says"
                      : "\"full_attention\" in every layer",
          window != 0 ? "set sliding_window to null if no layer has a window" : "use a checkpoint with full attention");
  }
  return window == 0 ? std::vector<int64_t>{} : std::vector<int64_t>(static_cast<size_t>(layers), window);
}

std::vector<int64_t> upper_windows(const ConfigKeys& keys, const Family& family, int64_t layers) {
  const int64_t window = keys.flag("use_sliding_window", false) ? stated_window(keys, family) : 0;
  std::vector<bool> slides = stated_types(keys, layers);
  if (slides.empty()) {
    const int64_t first = keys.find("max_window_layers") == nullptr ? kDefaultWindowLayers
                                                                    : keys.extent("max_window_layers", kMostLayers, 0);
    for (int64_t layer = 0; layer < layers; ++layer) slides.push_back(window != 0 && layer >= first);
  }
  std::vector<int64_t> windows;
  bool any = false;
  for (const bool slide : slides) {
    if (slide && window == 0)
      keys.unsupported("layer_types", "\"full_attention\" in every layer where use_sliding_window is not true",
                       "set use_sliding_window and sliding_window if these layers have one");
    windows.push_back(slide ? window : 0);
    any = any || slide;
  }
  return any ? windows : std::vector<int64_t>{};
}

}  // namespace

std::vector<int64_t> read_windows(const ConfigKeys& keys, const Family& family, int64_t layers) {
  if (family.windows == Windows::upper) return upper_windows(keys, family, layers);
  if (family.windows == Windows::periodic) return periodic_windows(keys, family, layers);
  if (family.windows == Windows::all) return same_windows(keys, stated_window(keys, family), layers);
  if (keys.flag("use_sliding_window", false))
    keys.unsupported("use_sliding_window", "false in this family", "use a checkpoint with full attention");
  return same_windows(keys, 0, layers);
}

}  // namespace plumbline
