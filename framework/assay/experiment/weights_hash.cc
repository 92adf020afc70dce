#include "assay/experiment/weights_hash.h"

#include <span>
#include <string>

#include "assay/data/file.h"

namespace assay {

bool weights_hash_is_due(const TrainingProgress& progress, bool end_of_epoch) {
  return end_of_epoch || progress.step % kWeightsHashInterval == 0;
}

double weights_hash(const Model& model, const StateStore& states) {
  file::ContentHash hash;
  for (const StateInfo& info : model.states()) {
    if (info.kind == StateKind::slot) continue;
    const Tensor tensor = states.read(info.name);
    hash.add(std::as_bytes(std::span(info.name))).add(tensor.view());
  }
  constexpr int kDigits = 13;  // of four bits each
  return static_cast<double>(std::stoull(hash.text().substr(0, kDigits), nullptr, 16));
}

}  // namespace assay
