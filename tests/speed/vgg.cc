// f: three blocks of two 3×3 convolutions, each with batch normalisation and relu, and pooling; then dense
// layers.
#include <omp.h>

#include <algorithm>
#include <deque>

#include "speed/dense_layers.h"
#include "speed/images.h"

namespace assay::speed {
namespace {

using onednn::Dims;
using Dim = dnnl::memory::dim;

constexpr double kMomentum = 0.1, kEpsilon = 1e-5;  // as the layer's own
constexpr Dim kFilters[] = {32, 64, 128};
constexpr Dim kExtent = 32;

// Convolution, batch normalisation and relu. Where the gradient of the normalised values has been read, that
// of the convolution's takes its place.
struct Stage {
  Stage(const dnnl::engine& engine, const StateStore& states, int number, Place& x, Place* dx,
        const Dims& image, const ConvolutionWays& ways, int threads)
      : z(blocked_image(image)),
        y(z.desc),
        dy(z.desc),
        convolution(engine, states, "conv2d" + std::to_string(number), x, z, dx, dy, ways, threads),
        norm(engine, states, "batch_norm" + std::to_string(number), kMomentum, kEpsilon, z, y, dy, dy) {}

  void forward(dnnl::stream& stream) {
    convolution.forward(stream);
    norm.forward(stream);
  }
  void backward(dnnl::stream& stream) {
    norm.backward(stream);
    norm.update();
    convolution.backward(stream);
    convolution.update(stream);
  }

  Place z, y, dy;
  Convolution convolution;
  BatchNormalization norm;
};

struct Block {
  Block(const dnnl::engine& engine, const StateStore& states, int number, Place& x, Place* dx, Dim batch,
        bool last, const ConvolutionWays& ways, int threads)
      : image{batch, kFilters[number], kExtent >> number, kExtent >> number},
        pooled(last ? matrix(batch, image[1] * image[2] / 2 * image[3] / 2)
                    : blocked_image({batch, image[1], image[2] / 2, image[3] / 2})),
        d_pooled(pooled.desc),
        first(engine, states, 2 * number + 1, x, dx, image, ways, threads),
        second(engine, states, 2 * number + 2, first.y, &first.dy, image, ways, threads),
        pooling(image, last, threads) {}

  void forward(dnnl::stream& stream) {
    first.forward(stream);
    second.forward(stream);
    pooling.forward(second.y.data(), pooled.data());
  }
  void backward(dnnl::stream& stream) {
    pooling.backward(d_pooled.data(), pooled.data(), second.dy.data());
    second.backward(stream);
    first.backward(stream);
  }

  Dims image;
  Place pooled, d_pooled;
  Stage first, second;
  Pooling pooling;
};

class Vgg final : public HandWritten {
 public:
  Vgg(const Problem& problem, const StateStore& states, const ConvolutionWays& ways, DenseWays dense_ways)
      : x_(plain_image({problem.training_batch(), 3, kExtent, kExtent})) {
    const int threads = problem.threads();
    omp_set_num_threads(threads);
    std::ranges::copy(problem.data().train.inputs.as<float>(), x_.data());
    const int count = static_cast<int>(std::size(kFilters));
    for (int number = 0; number < count; ++number) {
      Place& x = number == 0 ? x_ : blocks_.back().pooled;
      Place* dx = number == 0 ? nullptr : &blocks_.back().d_pooled;
      blocks_.emplace_back(engine_, states, number, x, dx, problem.training_batch(), number + 1 == count,
                           ways, threads);
    }
    dense_ = std::make_unique<DenseLayers>(problem, states, dense_ways, blocks_.back().pooled,
                                           &blocks_.back().d_pooled);
  }

  void step() override {
    for (Block& block : blocks_) block.forward(stream_);
    dense_->step();
    for (std::size_t b = blocks_.size(); b-- > 0;) blocks_[b].backward(stream_);
    stream_.wait();
  }
  double loss() const override { return dense_->loss(); }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  Place x_;
  std::deque<Block> blocks_;
  std::unique_ptr<DenseLayers> dense_;
};

}  // namespace

// Winograd takes part where the experiment's backend may use it, too.
std::vector<Variant> vggs(const Problem& problem, const StateStore& states) {
  const ConvolutionWays direct{.padding = 1};
  std::vector<std::pair<std::string, ConvolutionWays>> convolutions{{"direct", direct}};
  const Fields& backend = problem.experiment().backend.fields;
  if (backend.find("winograd") != nullptr && backend.boolean("winograd")) {
    convolutions.emplace_back("winograd but for weights", ConvolutionWays{.padding = 1, .winograd = true});
    convolutions.emplace_back("winograd",
                              ConvolutionWays{.padding = 1, .winograd = true, .winograd_weights = true});
  }
  std::vector<Variant> all;
  for (const auto& [convolution, ways] : convolutions) {
    for (const auto& [dense, dense_ways] : dense_ways()) {
      if (!dense_ways.folded) continue;  // a small part of the whole
      all.push_back({convolution + "; " + dense, [&problem, &states, ways = ways, dense_ways = dense_ways] {
                       return std::make_unique<Vgg>(problem, states, ways, dense_ways);
                     }});
    }
  }
  return all;
}

}  // namespace assay::speed
