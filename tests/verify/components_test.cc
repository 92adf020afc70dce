// V for what experiments are made of: everything built in has a known value, and what is built of the right
// ops in the wrong way is found.
#include "assay/verify/components.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "assay/ops/elementwise.h"
#include "assay/ops/normalize.h"

namespace assay::verify {
namespace {

using ::testing::HasSubstr;

class Components : public ::testing::Test {
 protected:
  Components() { register_builtin(registry_); }

  // The report, of which the component fails and nothing else.
  std::string failure_of(const std::string& component) const {
    const Report report = verify_components(registry_);
    for (const Check& check : report.checks()) {
      if (check.subject.op != component) {
        EXPECT_NE(check.status, Status::failed) << report;
      }
    }
    EXPECT_FALSE(report) << component;
    return report.to_string();
  }

  Registry registry_;
};

TEST_F(Components, AreAllKnownAndRight) {
  const Report report = verify_components(registry_);
  EXPECT_TRUE(report) << report;
  EXPECT_EQ(report.count(Status::skipped), 0) << report;
  EXPECT_THAT(report.summary(), ::testing::ContainsRegex("on [0-9]+ components, 0 backends"));
}

TEST_F(Components, OfAPluginAreSkippedWithTheReason) {
  LayerDef own = registry_.layers.at("flatten");
  own.name = "own";
  registry_.layers.add("own", own, "plugin");
  const Report report = verify_components(registry_);
  EXPECT_EQ(report.count(Status::skipped), 1);
  EXPECT_THAT(report.to_string(), HasSubstr("no value of it is known"));
}

TEST_F(Components, AreSelectedByTheExperiment) {
  const Report report =
      verify_components(registry_, {.wanted = [](std::string_view kind, std::string_view name) {
                          return kind == "loss" && name == "huber";
                        }});
  ASSERT_TRUE(report) << report;
  for (const Check& check : report.checks()) EXPECT_EQ(check.subject.op, "loss huber");
}

// The variance of the batch as it is, which is too small on average.
TEST_F(Components, FindABiasedRunningVariance) {
  registry_.layers.find("batch_norm")->build = [](LayerBuilder& layer) {
    const Value x = layer.input();
    const Shape channels{x.shape()[1]};
    Value weight, bias;
    if (layer.fields().boolean("affine")) {
      weight = layer.parameter("weight", channels, {.type = "ones"});
      bias = layer.parameter("bias", channels, {.type = "zeros"});
    } else {
      weight = layer.graph().constant(1.0, layer.dtype(), channels);
      bias = layer.graph().constant(0.0, layer.dtype(), channels);
    }
    const Value mean = layer.statistic("running_mean", channels, 0.0),
                variance = layer.statistic("running_var", channels, 1.0);
    const double epsilon = layer.fields().number("epsilon"), momentum = layer.fields().number("momentum");
    if (layer.mode() == Mode::inference)
      return batch_norm_inference(x, weight, bias, mean, variance, epsilon);
    const Normalized normalized = batch_norm(x, weight, bias, epsilon);
    layer.update(mean, add(scale(mean, 1 - momentum), scale(normalized.mean, momentum)));
    layer.update(variance, add(scale(variance, 1 - momentum), scale(normalized.variance, momentum)));
    return normalized.y;
  };
  EXPECT_THAT(failure_of("layer batch_norm"),
              HasSubstr("what becomes of 'known.running_var' at [0] is 1.75"));
}

TEST_F(Components, FindWhatIsDroppedInInference) {
  const auto build = registry_.layers.at("dropout").build;
  registry_.layers.find("dropout")->build = [build](LayerBuilder& layer) {
    return layer.mode() == Mode::inference ? scale(layer.input(), 0.75) : build(layer);
  };
  EXPECT_THAT(failure_of("layer dropout"), HasSubstr("in inference"));
}

TEST_F(Components, FindWrongFans) {
  registry_.layers.find("embedding")->build = [](LayerBuilder& layer) {
    const std::int64_t count = layer.fields().integer("count"), units = layer.fields().integer("units");
    const Value table = layer.parameter("weight", Shape{count, units}, {.type = "normal"}, {units, count});
    return layer.graph().apply("gather", {table, layer.input()});
  };
  EXPECT_THAT(failure_of("layer embedding"), HasSubstr("fans 2 and 3, known is normal, fans 3 and 2"));
}

TEST_F(Components, FindALossThatIgnoresItsSettings) {
  registry_.losses.find("huber")->build = [](Value prediction, Value target, const Fields&) {
    return prediction.graph().apply("huber", {prediction, target});
  };
  failure_of("loss huber");
}

TEST_F(Components, FindAnOptimizerThatForgets) {
  registry_.optimizers.find("rmsprop")->update = [](UpdateBuilder& build) {
    build.slot("velocity");
    build.update(build.parameter(), build.parameter());
  };
  EXPECT_THAT(failure_of("optimizer rmsprop"), HasSubstr("'known.weight' at [0] is 1"));
}

TEST_F(Components, FindAnInitializerOfAnotherVariance) {
  const auto fill = registry_.initializers.at("he_normal").fill;
  registry_.initializers.find("he_normal")->fill = [fill](const Initialization& init, std::span<double> out) {
    fill(init, out);
    for (double& w : out) w *= 0.999;
  };
  failure_of("initializer he_normal");
}

TEST_F(Components, FindAScheduleThatIsAStepLate) {
  const auto rate = registry_.schedules.at("cosine").rate;
  registry_.schedules.find("cosine")->rate = [rate](double base, std::int64_t t, std::int64_t total,
                                                    const Fields& fields) {
    return rate(base, t == 0 ? 0 : t - 1, total, fields);
  };
  failure_of("schedule cosine");
}

}  // namespace
}  // namespace assay::verify
