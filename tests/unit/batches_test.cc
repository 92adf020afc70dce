// Batches: every row of an epoch once, in an order of its own, as the transform and the augmentation make it.
#include "assay/data/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "assay/data/split.h"

namespace assay {
namespace {

// Row r of `rows` images of shape [2, 3, 4] holds the bytes from r on.
Dataset images(std::int64_t rows) {
  Dataset data;
  data.inputs = Tensor(Spec{DType::u8, Shape{rows, 2, 3, 4}});
  const auto bytes = data.inputs.as<std::uint8_t>();
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i / 24 + i % 24 + 1);
  data.targets = Tensor(Spec{DType::i32, Shape{rows}});
  for (std::int64_t r = 0; r < rows; ++r)
    data.targets.as<std::int32_t>()[static_cast<std::size_t>(r)] = static_cast<std::int32_t>(r % 3);
  data.classes = 3;
  return data;
}

struct Batch {
  Tensor inputs, targets, samples;
  std::span<const double> image(std::size_t row) const { return inputs.as<double>().subspan(row * 24, 24); }
};

Batch batch_of(const Batches& batches, std::int64_t k) {
  const std::int64_t rows = batches.batch_rows(k);
  Batch batch{Tensor(Spec{DType::f64, Shape{rows, 2, 3, 4}}), Tensor(Spec{DType::i32, Shape{rows}}),
              Tensor(Spec{DType::i32, Shape{rows}})};
  batches.fill(k, batch.inputs.view(), batch.targets.view(), batch.samples.view());
  return batch;
}

std::vector<std::int32_t> order_of(const Batches& batches) {
  std::vector<std::int32_t> order;
  for (std::int64_t k = 0; k < batches.count(); ++k) {
    const Batch batch = batch_of(batches, k);
    const auto samples = batch.samples.as<std::int32_t>();
    order.insert(order.end(), samples.begin(), samples.end());
  }
  return order;
}

// The value of a pixel by the documented formula.
double transformed(const Dataset& data, std::int64_t sample, std::int64_t element) {
  const double byte = static_cast<double>(sample + element + 1);
  const InputTransform& t = data.transform;
  const auto of = [&](const std::vector<double>& values, double otherwise) {
    if (values.empty()) return otherwise;
    return values.size() == 1 ? values[0] : values[static_cast<std::size_t>(element / 12)];
  };
  return (byte / t.divisor - of(t.mean, 0)) / of(t.std, 1);
}

TEST(Batches, HoldEveryRowOnceAndTheLastOneWhatIsLeft) {
  const Dataset data = images(11);
  for (const bool shuffle : {false, true}) {
    Batches batches(data, {.batch_size = 4, .seed = 5, .shuffle = shuffle});
    ASSERT_EQ(batches.count(), 3);
    EXPECT_EQ(batches.batch_rows(1), 4);
    EXPECT_EQ(batches.batch_rows(2), 3);
    for (const std::uint32_t epoch : {0, 1, 2}) {
      batches.start_epoch(epoch);
      std::vector<std::int32_t> order = order_of(batches);
      std::vector<std::int32_t> all(11);
      std::iota(all.begin(), all.end(), 0);
      EXPECT_EQ(order == all, !shuffle);
      std::ranges::sort(order);
      EXPECT_EQ(order, all);
    }
  }
  EXPECT_EQ(Batches(data, {.batch_size = 11}).count(), 1);
}

TEST(Batches, AreArrangedByTheSeedAndTheEpochAlone) {
  const Dataset data = images(40);
  Batches one(data, {.batch_size = 7, .seed = 5, .shuffle = true}),
      other(data, {.batch_size = 9, .seed = 6, .shuffle = true});
  const auto first = order_of(one);
  EXPECT_NE(order_of(other), first);
  one.start_epoch(1);
  EXPECT_NE(order_of(one), first);
  one.start_epoch(0);
  EXPECT_EQ(order_of(one), first);
}

// Of the 24 orders of four rows none is rarer than the 10⁻⁶ quantile of the binomial distribution.
TEST(Batches, TakeEveryOrderAsOften) {
  const Dataset data = images(4);
  Batches batches(data, {.batch_size = 4, .seed = 1, .shuffle = true});
  constexpr int kEpochs = 2400;
  std::map<std::vector<std::int32_t>, int> seen;
  for (std::uint32_t epoch = 0; epoch < kEpochs; ++epoch) {
    batches.start_epoch(epoch);
    ++seen[order_of(batches)];
  }
  EXPECT_EQ(seen.size(), 24u);
  for (const auto& [order, count] : seen) EXPECT_GT(count, 56);
}

TEST(Batches, HoldTheRowsThatTheyName) {
  Dataset data = images(11);
  for (const InputTransform& transform : {InputTransform{}, InputTransform{2, {}, {}},
                                          InputTransform{2, {3}, {4}}, InputTransform{2, {3, 5}, {4, 8}}}) {
    data.transform = transform;
    const Batches batches(data, {.batch_size = 4, .seed = 5, .shuffle = true});
    for (std::int64_t k = 0; k < batches.count(); ++k) {
      const Batch batch = batch_of(batches, k);
      for (std::size_t row = 0; row < static_cast<std::size_t>(batches.batch_rows(k)); ++row) {
        const std::int32_t sample = batch.samples.as<std::int32_t>()[row];
        EXPECT_EQ(batch.targets.as<std::int32_t>()[row], sample % 3);
        for (std::int64_t e = 0; e < 24; ++e)
          EXPECT_EQ(batch.image(row)[static_cast<std::size_t>(e)], transformed(data, sample, e));
      }
    }
  }
}

TEST(Batches, HoldTheSameOnAnyThreads) {
  Dataset data = images(4001);
  data.transform = {2, {3, 5}, {4, 8}};
  const auto filled = [&](int threads, bool augmented) {
    BatchOptions options{.batch_size = 4001, .seed = 5, .shuffle = true, .threads = threads};
    if (augmented) options.augmentation = Augmentation({{"random_crop", {{"padding", std::int64_t{1}}}}});
    return batch_of(Batches(data, options), 0);
  };
  for (const bool augmented : {false, true}) {
    const Batch one = filled(1, augmented);
    for (const int threads : {2, 3, 5}) {
      const Batch shared = filled(threads, augmented);
      EXPECT_TRUE(std::ranges::equal(shared.inputs.as<double>(), one.inputs.as<double>())) << threads;
    }
  }
}

// Every place of the window and both directions occur, and nothing else: zero bytes around the image.
TEST(Batches, AugmentByWindowsOfThePaddedImageAndItsMirror) {
  Dataset data = images(6);
  data.transform = {2, {3, 5}, {4, 8}};
  Batches batches(data, {.batch_size = 6,
                         .seed = 5,
                         .augmentation = Augmentation({{"random_crop", {{"padding", std::int64_t{1}}}},
                                                       {"horizontal_flip", {{"probability", 0.5}}}})});
  std::set<std::tuple<int, int, bool>> places;
  for (std::uint32_t epoch = 0; epoch < 40; ++epoch) {
    batches.start_epoch(epoch);
    const Batch batch = batch_of(batches, 0);
    for (std::int64_t sample = 0; sample < 6; ++sample) {
      int found = 0;
      for (int down = -1; down <= 1; ++down) {
        for (int right = -1; right <= 1; ++right) {
          for (const bool mirrored : {false, true}) {
            bool same = true;
            for (std::int64_t e = 0; e < 24; ++e) {
              const std::int64_t channel = e / 12, row = e % 12 / 4 + down,
                                 column = (mirrored ? 3 - e % 4 : e % 4) + right;
              const bool inside = row >= 0 && row < 3 && column >= 0 && column < 4;
              const std::int64_t source = channel * 12 + row * 4 + column;
              const double want =
                  inside ? transformed(data, sample, source) : transformed(data, -1 - e, e);  // of the byte 0
              same =
                  same && batch.image(static_cast<std::size_t>(sample))[static_cast<std::size_t>(e)] == want;
            }
            if (!same) continue;
            ++found;
            places.emplace(down, right, mirrored);
          }
        }
      }
      EXPECT_EQ(found, 1) << "sample " << sample << " in epoch " << epoch;
    }
  }
  EXPECT_EQ(places.size(), 18u);
}

TEST(Split, LeavesEveryRowInOnePart) {
  SplitDataset data{images(20)};
  split(data, {.validation = 5, .test = 0.25}, 3);
  ASSERT_TRUE(data.validation && data.test);
  EXPECT_EQ(data.validation->rows(), 5);
  EXPECT_EQ(data.test->rows(), 5);
  std::set<std::uint8_t> first;
  for (const Dataset* part : {&data.train, &*data.validation, &*data.test}) {
    for (std::int64_t r = 0; r < part->rows(); ++r)
      first.insert(part->inputs.as<std::uint8_t>()[static_cast<std::size_t>(24 * r)]);
  }
  EXPECT_EQ(first.size(), 20u);
}

}  // namespace
}  // namespace assay
