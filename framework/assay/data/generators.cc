#include "assay/data/generators.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <string_view>
#include <vector>

#include "assay/core/random.h"
#include "assay/data/file.h"

namespace assay {
namespace {

// The draws of one quantity of one generator: "data/spirals/position".
class Draws {
 public:
  Draws(std::uint64_t seed, std::string_view quantity) : stream_{seed, stream_id(quantity)} {}

  double uniform(std::int64_t sample, std::int64_t element = 0) const {
    return random_uniform(stream_, 0, static_cast<std::uint32_t>(sample),
                          static_cast<std::uint32_t>(element));
  }
  double normal(std::int64_t sample, std::int64_t element = 0) const {
    return random_normal(stream_, 0, static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(element));
  }
  void normals(std::int64_t sample, std::span<double> elements) const {
    random_normals(stream_, 0, static_cast<std::uint32_t>(sample), 0, elements);
  }
  std::int64_t below(std::int64_t bound, std::int64_t sample) const {
    return random_below(stream_, 0, static_cast<std::uint32_t>(sample), 0, static_cast<std::uint32_t>(bound));
  }

 private:
  RandomStream stream_;
};

// A data set with room for its numbers.
Dataset with_labels(std::int64_t count, std::int64_t classes, const Spec& inputs) {
  Dataset data;
  data.inputs = file::allocate(inputs, {});
  data.targets = file::allocate({DType::i32, Shape{count}}, {});
  data.classes = classes;
  return data;
}

Dataset finished(Dataset data) {
  check(data, {});
  data.identity = file::ContentHash().add(data.inputs.view()).add(data.targets.view()).text();
  return data;
}

// Points of the plane: place(i, k) is the point of sample i, of class k = i mod classes, before noise.
template <class Place>
Dataset labelled_points(std::int64_t count, std::int64_t classes, double noise, const Draws& noise_draws,
                        Place place) {
  Dataset data = with_labels(count, classes, {DType::f64, Shape{count, 2}});
  const auto x = data.inputs.as<double>();
  const auto label = data.targets.as<std::int32_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t k = i % classes;
    const auto [a, b] = place(i, k);
    const auto at = static_cast<std::size_t>(2 * i);
    x[at] = a + noise * noise_draws.normal(i, 0);
    x[at + 1] = b + noise * noise_draws.normal(i, 1);
    label[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(k);
  }
  return finished(std::move(data));
}

struct Point {
  double x, y;
};

}  // namespace

Dataset make_xor() {
  Dataset data;
  data.inputs = Tensor::of(DType::f64, Shape{4, 2}, std::vector<double>{0, 0, 0, 1, 1, 0, 1, 1});
  data.targets = Tensor::of(DType::f64, Shape{4, 1}, std::vector<double>{0, 1, 1, 0});
  return finished(std::move(data));
}

Dataset make_spirals(std::uint64_t seed, std::int64_t count, std::int64_t classes, double noise) {
  const Draws position(seed, "data/spirals/position");
  return labelled_points(
      count, classes, noise, Draws(seed, "data/spirals/noise"), [&](std::int64_t i, std::int64_t k) {
        const double t = position.uniform(i);
        const double angle =
            2 * std::numbers::pi * (static_cast<double>(k) / static_cast<double>(classes) + t);
        return Point{t * std::cos(angle), t * std::sin(angle)};
      });
}

Dataset make_moons(std::uint64_t seed, std::int64_t count, double noise) {
  const Draws position(seed, "data/moons/position");
  return labelled_points(count, 2, noise, Draws(seed, "data/moons/noise"),
                         [&](std::int64_t i, std::int64_t k) {
                           const double angle = std::numbers::pi * position.uniform(i);
                           return k == 0 ? Point{std::cos(angle), std::sin(angle)}
                                         : Point{1 - std::cos(angle), 0.5 - std::sin(angle)};
                         });
}

Dataset make_blobs(std::uint64_t seed, std::int64_t count, std::int64_t classes, std::int64_t features,
                   double spread) {
  const Draws centre(seed, "data/blobs/centre");
  const Draws noise(seed, "data/blobs/noise");
  Dataset data = with_labels(count, classes, {DType::f64, Shape{count, features}});
  auto x = data.inputs.as<double>().begin();
  const auto label = data.targets.as<std::int32_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t k = i % classes;
    label[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(k);
    for (std::int64_t j = 0; j < features; ++j)
      *x++ = 20 * centre.uniform(k, j) - 10 + spread * noise.normal(i, j);
  }
  return finished(std::move(data));
}

Dataset make_teacher(std::uint64_t seed, std::int64_t count, std::int64_t inputs, std::int64_t outputs,
                     std::int64_t hidden, double noise) {
  const Draws input(seed, "data/teacher/input");
  const Draws weight1(seed, "data/teacher/weight1");
  const Draws bias1(seed, "data/teacher/bias1");
  const Draws weight2(seed, "data/teacher/weight2");
  const Draws output_noise(seed, "data/teacher/noise");
  Tensor w1 = file::allocate({DType::f64, Shape{hidden, inputs}}, {});
  Tensor b1 = file::allocate({DType::f64, Shape{hidden}}, {});
  Tensor w2 = file::allocate({DType::f64, Shape{outputs, hidden}}, {});
  const auto fill = [](Tensor& tensor, const Draws& draws, double scale) {
    const std::int64_t columns = tensor.count() / tensor.shape()[0];
    auto value = tensor.as<double>().begin();
    for (std::int64_t j = 0; j < tensor.shape()[0]; ++j) {
      for (std::int64_t i = 0; i < columns; ++i) *value++ = draws.normal(j, i) * scale;
    }
  };
  fill(w1, weight1, 1 / std::sqrt(static_cast<double>(inputs)));
  fill(b1, bias1, 1);
  fill(w2, weight2, 1 / std::sqrt(static_cast<double>(hidden)));

  Dataset data;
  data.inputs = file::allocate({DType::f64, Shape{count, inputs}}, {});
  data.targets = file::allocate({DType::f64, Shape{count, outputs}}, {});
  std::vector<double> h(static_cast<std::size_t>(hidden));
  double* x = data.inputs.as<double>().data();
  double* y = data.targets.as<double>().data();
  for (std::int64_t sample = 0; sample < count; ++sample, x += inputs, y += outputs) {
    for (std::int64_t i = 0; i < inputs; ++i) x[i] = input.normal(sample, i);
    const double* w = w1.as<double>().data();
    for (std::size_t j = 0; j < h.size(); ++j) {
      double z = b1.as<double>()[j];
      for (std::int64_t i = 0; i < inputs; ++i) z += *w++ * x[i];
      h[j] = std::tanh(z);
    }
    w = w2.as<double>().data();
    for (std::int64_t o = 0; o < outputs; ++o) {
      double sum = 0;
      for (const double value : h) sum += *w++ * value;
      y[o] = sum + noise * output_noise.normal(sample, o);
    }
  }
  return finished(std::move(data));
}

Dataset make_synthetic(std::uint64_t seed, std::int64_t count, const Shape& shape, std::int64_t classes) {
  const Draws input(seed, "data/synthetic/input");
  const Draws label(seed, "data/synthetic/label");
  std::vector<std::int64_t> extents{count};
  extents.insert(extents.end(), shape.extents().begin(), shape.extents().end());
  Dataset data = with_labels(count, classes, {DType::f32, Shape(std::span<const std::int64_t>(extents))});
  const std::int64_t size = shape.count();
  std::vector<double> sample(static_cast<std::size_t>(size));
  auto x = data.inputs.as<float>().begin();
  for (std::int64_t i = 0; i < count; ++i) {
    input.normals(i, sample);
    x = std::transform(sample.begin(), sample.end(), x, [](double v) { return static_cast<float>(v); });
    data.targets.as<std::int32_t>()[static_cast<std::size_t>(i)] =
        static_cast<std::int32_t>(label.below(classes, i));
  }
  return finished(std::move(data));
}

}  // namespace assay
