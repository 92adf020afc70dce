#include "assay/experiment/weights_hash.h"

#include <span>

#include "assay/data/file.h"

namespace assay {
namespace {

double leading_bits(const file::ContentHash& hash) {
  constexpr int kDigits = 13;  // of four bits each
  return static_cast<double>(std::stoull(hash.text().substr(0, kDigits), nullptr, 16));
}

}  // namespace

bool weights_hash_is_due(const TrainingProgress& progress, bool end_of_epoch) {
  return end_of_epoch || progress.step % kWeightsHashInterval == 0;
}

std::vector<std::pair<std::string, double>> weights_hashes(const Model& model, const StateStore& states) {
  std::vector<std::pair<std::string, double>> hashes{{kWeightsHash, 0}};
  file::ContentHash all;
  for (const StateInfo& info : model.states()) {
    if (info.kind == StateKind::slot) continue;
    const Tensor tensor = states.read(info.name);
    file::ContentHash one;
    one.add(tensor.view());
    const std::string text = info.name + " " + one.text();
    all.add(std::as_bytes(std::span(text)));
    hashes.emplace_back(std::string(kWeightsHash) + "/" + info.name, leading_bits(one));
  }
  hashes.front().second = leading_bits(all);
  return hashes;
}

}  // namespace assay
