// b, c, d: nothing but dense layers.
#include <algorithm>

#include "speed/dense_layers.h"

namespace assay::speed {
namespace {

class Perceptron final : public HandWritten {
 public:
  Perceptron(const Problem& problem, const StateStore& states, DenseWays ways)
      : input_(matrix(problem.training_batch(), problem.data().train.input_shape().count())),
        layers_(problem, states, ways, input_, nullptr) {
    std::ranges::copy(problem.data().train.inputs.as<float>(), input_.data());
  }
  void step() override { layers_.step(); }
  double loss() const override { return layers_.loss(); }

 private:
  Place input_;
  DenseLayers layers_;
};

}  // namespace

std::vector<Variant> perceptrons(const Problem& problem, const StateStore& states) {
  std::vector<Variant> all;
  for (const auto& [name, ways] : dense_ways()) {
    all.push_back({name, [&problem, &states, ways = ways] {
                     return std::make_unique<Perceptron>(problem, states, ways);
                   }});
  }
  return all;
}

}  // namespace assay::speed
