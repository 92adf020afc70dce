// What crosses the boundary of plugins has the sizes that it had when ASSAY_PLUGIN_ABI was given its number.
// A size that changes needs a new number (registry/plugin_abi.h says when), and then new sizes here.
#include <gtest/gtest.h>

#include "assay/plugin.h"

namespace assay {
namespace {

#if defined(__x86_64__) && defined(_GLIBCXX_RELEASE) && !defined(_GLIBCXX_DEBUG)
TEST(PluginAbi, SizesAreThoseOfItsNumber) {
  static_assert(ASSAY_PLUGIN_ABI == 8, "the sizes below are of ABI 8");
  struct Row {
    const char* type;
    std::size_t size, of_the_number;
  };
  const Row rows[] = {
      {"Registry", sizeof(Registry), 744},
      {"OpDef", sizeof(OpDef), 360},
      {"Cases", sizeof(Cases), 16},
      {"Case", sizeof(Case), 80},
      {"CaseInput", sizeof(CaseInput), 88},
      {"Call", sizeof(Call), 24},
      {"FieldDef", sizeof(FieldDef), 224},
      {"Fields", sizeof(Fields), 24},
      {"Array", sizeof(Array), 96},
      {"LayerDef", sizeof(LayerDef), 216},
      {"LayerBuilder", sizeof(LayerBuilder), 64},
      {"LayerConfig", sizeof(LayerConfig), 272},
      {"LossDef", sizeof(LossDef), 160},
      {"OptimizerDef", sizeof(OptimizerDef), 176},
      {"UpdateBuilder", sizeof(UpdateBuilder), 80},
      {"ScheduleDef", sizeof(ScheduleDef), 152},
      {"InitializerDef", sizeof(InitializerDef), 160},
      {"Initialization", sizeof(Initialization), 48},
      {"DataSourceDef", sizeof(DataSourceDef), 144},
      {"DataContext", sizeof(DataContext), 56},
      {"Dataset", sizeof(Dataset), 296},
      {"SplitDataset", sizeof(SplitDataset), 904},
      {"BackendDef", sizeof(BackendDef), 184},
      {"BackendContext", sizeof(BackendContext), 56},
      {"Site", sizeof(Site), 72},
      {"SiteOp", sizeof(SiteOp), 88},
      {"Port", sizeof(Port), 128},
      {"Plan", sizeof(Plan), 240},
      {"Layout", sizeof(Layout), 40},
      {"Accuracy", sizeof(Accuracy), 96},
      {"Pattern", sizeof(Pattern), 56},
      {"KernelTable", sizeof(KernelTable), 48},
      {"Io", sizeof(Io), 24},
      {"MatmulProducts", sizeof(MatmulProducts), 56},
      {"Window", sizeof(Window), 112},
      {"Convolution", sizeof(gemm_detail::Convolution), 192},
      {"Shape", sizeof(Shape), 72},
      {"Spec", sizeof(Spec), 80},
      {"Tensor", sizeof(Tensor), 88},
      {"TensorView", sizeof(TensorView), 88},
      {"Error", sizeof(Error), 64},
      {"Diagnostic", sizeof(Diagnostic), 224},
      {"Graph", sizeof(Graph), 176},
      {"Node", sizeof(Node), 168},
      {"Value", sizeof(Value), 16},
      {"Vjp", sizeof(Vjp), 88},
      {"Quad", sizeof(Quad), 16},
      {"Bound32", sizeof(Bound32), 32},
      {"Bound64", sizeof(Bound64), 48},
      {"assay_plugin_info", sizeof(assay_plugin_info), 40},
  };
  for (const Row& row : rows)
    EXPECT_EQ(row.size, row.of_the_number) << row.type << ": raise ASSAY_PLUGIN_ABI";
}
#endif

}  // namespace
}  // namespace assay
