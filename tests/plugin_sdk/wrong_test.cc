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
