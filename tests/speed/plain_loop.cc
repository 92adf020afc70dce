// a: one input, two hidden sigmoid neurons, one sigmoid output, half squared error: the article's network as
// a loop over nothing but local variables.
#include <cmath>

#include "speed/by_hand.h"

namespace assay::speed {
namespace {

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

class PlainLoop final : public HandWritten {
 public:
  PlainLoop(const Problem& problem, const StateStore& states)
      : rate_(problem.model().learning_rate()),
        x_(element(problem.data().train.inputs.view(), 0)),
        y_(element(problem.data().train.targets.view(), 0)) {
    for (int j = 0; j < 2; ++j) {
      w1_[j] = element(states.read("dense1.weight").view(), j);
      b1_[j] = element(states.read("dense1.bias").view(), j);
      w2_[j] = element(states.read("dense2.weight").view(), j);
    }
    b2_ = element(states.read("dense2.bias").view(), 0);
  }

  // Not inlined into the loop that times it, as no step of a library could be.
  [[gnu::noinline]] void step() override {
    const double h0 = sigmoid(w1_[0] * x_ + b1_[0]), h1 = sigmoid(w1_[1] * x_ + b1_[1]);
    const double a = sigmoid(w2_[0] * h0 + w2_[1] * h1 + b2_);
    loss_ = (a - y_) * (a - y_) / 2;
    const double d2 = (a - y_) * a * (1 - a);
    const double d0 = d2 * w2_[0] * h0 * (1 - h0), d1 = d2 * w2_[1] * h1 * (1 - h1);
    w2_[0] -= rate_ * d2 * h0;
    w2_[1] -= rate_ * d2 * h1;
    b2_ -= rate_ * d2;
    w1_[0] -= rate_ * d0 * x_;
    w1_[1] -= rate_ * d1 * x_;
    b1_[0] -= rate_ * d0;
    b1_[1] -= rate_ * d1;
  }
  double loss() const override { return loss_; }

 private:
  double rate_, x_, y_;
  double w1_[2], b1_[2], w2_[2], b2_ = 0, loss_ = 0;
};

}  // namespace

std::vector<Variant> plain_loops(const Problem& problem, const StateStore& states) {
  return {{"plain loop", [&] { return std::make_unique<PlainLoop>(problem, states); }}};
}

}  // namespace assay::speed
