// A plugin that loads and computes wrong things is found out, and told what it lacks by name.
#include <gmock/gmock.h>

#include "plugin_sdk/sdk.h"

namespace assay::test {
namespace {

using ::testing::HasSubstr;

TEST_F(PluginSdk, AWrongDerivativeRuleIsCaught) {
  const ProcessResult result = expect_sdk(
      1, {"verify", "--ops", "-k", "wrong_rule", "--tier", "smoke", "-q", "--plugin", refused("wrong")});
  EXPECT_THAT(result.out, HasSubstr("FAILED D wrong_rule"));
  EXPECT_THAT(result.out, HasSubstr("reproduce: assay verify --ops --plugin " + refused("wrong")));
  EXPECT_EQ(expect_sdk(1, {"plugin", "check", refused("wrong"), "--tier", "smoke"}).exit_code, 1);
}

TEST_F(PluginSdk, AWrongKernelIsCaughtOnItsBackendAlone) {
  const std::vector<std::string> words{"verify", "--ops", "-k",       "neg and f32",    "--tier",
                                       "smoke",  "-q",    "--plugin", refused("wrong"), "--backend"};
  std::vector<std::string> eigen = words, reference = words;
  eigen.emplace_back("eigen");
  reference.emplace_back("reference");
  EXPECT_THAT(expect_sdk(1, eigen).out, HasSubstr("FAILED L neg eigen f32"));
  expect_sdk(0, reference);
}

// What each op of `misfit` is told.
const std::map<std::string, std::string> kMisfits{
    {"wrong_index", "the derivative rule of op 'wrong_index' speaks of input 7, and there are 1"},
    {"no_value", "a Value that was never given one is used"},
    {"throwing_rule", "the derivative rule of op 'throwing_rule' threw an exception: out of luck"},
    {"refused_case", "x has too many axes"},
    {"no_spec", "the shape rule of op 'no_spec' gives 0 specs for its outputs (y)"},
    {"throwing_offer", "the offer of backend 'eigen' for op 'throwing_offer' threw an exception that is no"},
    {"throwing_kernel", "the kernel 'misfit.x' of op 'throwing_kernel' threw an exception: out of order"},
    {"plan_without_kernel", "plans without a way to bind the kernel"},
    {"null_kernel", "binds no kernel"},
    {"too_many_layouts", "plans 2 layouts for 1 inputs"}};

TEST_F(PluginSdk, WhatDoesNotFitFailsByItsName) {
  for (const auto& [op, message] : kMisfits) {
    const ProcessResult result =
        expect_sdk(1, {"verify", "--ops", "-k", op, "--tier", "smoke", "-q", "--plugin", refused("misfit")});
    EXPECT_THAT(result.out, HasSubstr(message)) << op;
  }
  expect_sdk(0, {"verify", "--ops", "-k", "right and not misnamed", "--tier", "smoke", "-q", "--plugin",
                 refused("misfit")});
  const ProcessResult ended = expect_sdk(
      3, {"verify", "--ops", "-k", "exit and eigen", "--tier", "smoke", "-q", "--plugin", refused("misfit")});
  EXPECT_THAT(ended.err, HasSubstr("ended the program"));
  // Handlers would take away what other threads are using.
  EXPECT_THAT(ended.out, ::testing::Not(HasSubstr("a handler ran")));
}

TEST_F(PluginSdk, ACheckNamesTheOpsThatEndIt) {
  const ProcessResult result =
      expect_sdk(1, {"plugin", "check", refused("misfit"), "--tier", "smoke", "--time-limit", "5"});
  EXPECT_THAT(result.out, ::testing::AllOf(HasSubstr("FAILED: the verification"),
                                           HasSubstr("FAILED op 'crash': crashed: signal 6"),
                                           HasSubstr("FAILED op 'exit': ended the program: exit code 0"),
                                           HasSubstr("FAILED op 'hang': hung: more than 5 s")));
  for (const auto& [op, message] : kMisfits) EXPECT_THAT(result.out, HasSubstr(message)) << op;
}

// The geometries of an op draw numbers of order one, and a few large ones; a check sweeps the whole range,
// too.
TEST_F(PluginSdk, AFunctionThatOverflowsOnTheWayIsCaught) {
  const ProcessResult result = expect_sdk(1, {"plugin", "check", refused("overflowing")});
  EXPECT_THAT(result.out, HasSubstr("FAILED C overflowing_grad reference f32"));
  EXPECT_THAT(result.out,
              HasSubstr("reproduce: assay verify --contracts --plugin " + refused("overflowing")));
}

TEST_F(PluginSdk, ARunSaysWhatAPluginOwesIt) {
  const auto expect_error = [&](const std::string& change, const std::string& message) {
    const std::string file = write("misfit.yaml", ExperimentLines{}.text());
    const ProcessResult result =
        expect_sdk(2, {"run", file, "-q", "--plugin", refused("misfit"), "-s", change});
    EXPECT_THAT(result.err, HasSubstr(message));
  };
  expect_error("model.layers[only]={type: valueless, name: only}",
               "the recipe of layer 'valueless' returns no value");
  expect_error("model.layers[only]={type: throwing, name: only}",
               "the recipe of layer 'throwing' threw an exception: at");
  expect_error("optimizer={type: idle, learning_rate: 1}", "does not say what 'only.weight' becomes");
  expect_error("backend={type: misnamed}", "makes a backend that is named 'reference'");
}

TEST_F(PluginSdk, AKernelThatThrowsEndsTheRunWithItsName) {
  ExperimentLines lines;
  lines.backend = "backend: {type: eigen}";
  lines.model = "model: {input: [1], layers: [{type: dense, units: 1}, {type: unlucky}]}";
  const std::string file = write("unlucky.yaml", lines.text());
  const ProcessResult result = expect_sdk(4, {"run", file, "-q", "--plugin", refused("misfit")});
  EXPECT_THAT(result.err, ::testing::AllOf(HasSubstr(kMisfits.at("throwing_kernel")), HasSubstr("misfit")));
}

TEST_F(PluginSdk, AnOpWithoutADerivativeTrainsNothing) {
  ExperimentLines lines;
  lines.model =
      "model: {input: [1], layers: [{type: dense, name: only, units: 1}, {type: no_rule, name: bent}]}";
  const std::string file = write("no_rule.yaml", lines.text());
  const ProcessResult result = expect_sdk(2, {"run", file, "-q", "--plugin", refused("wrong")});
  EXPECT_THAT(result.err, ::testing::AllOf(HasSubstr("no_rule"), HasSubstr("derivative"), HasSubstr("bent")));
}

}  // namespace
}  // namespace assay::test
