// Experiment files as trees: what is refused and how it is said, typed reading, overrides, extends, and
// writing back.
#include <gtest/gtest.h>

#include <filesystem>

#include "assay/core/random.h"
#include "assay/experiment/config_tree.h"
#include "assay/experiment/emit_yaml.h"
#include "assay/experiment/overrides.h"
#include "assay/experiment/read_fields.h"
#include "assay/experiment/yaml_parser.h"
#include "support/temporary_directory.h"

namespace assay {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_yaml(text, "file.yaml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ParseYaml, ReadsKindsAndPlaces) {
  const ConfigNode root =
      parse_yaml("assay: 1\nmodel:\n  layers:\n    - {type: dense, units: 2}\n", "file.yaml");
  EXPECT_EQ(root.find("assay")->scalar_type(), ScalarType::integer);
  const ConfigNode& layer = root.find("model")->find("layers")->items()[0];
  EXPECT_EQ(layer.find("units")->where()->line, 4);
  EXPECT_EQ(layer.find("units")->where()->column, 28);
  EXPECT_EQ(path_of(root, *layer.find("units")), "model.layers[0].units");
}

struct Refused {
  const char* name;
  std::string text;
  const char* says;
};

class RefusedYaml : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedYaml, SaysWhereAndWhy) {
  const std::string error = error_of(GetParam().text);
  EXPECT_NE(error.find(GetParam().says), std::string::npos) << error;
  EXPECT_NE(error.find("file.yaml"), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    , RefusedYaml,
    ::testing::Values(Refused{"duplicate", "a: 1\nb: 2\na: 3\n", "file.yaml:3:1"},
                      Refused{"second_document", "a: 1\n---\nb: 2\n", "document"},
                      Refused{"anchor", "a: &x 1\n", "anchor"}, Refused{"alias", "a: *x\n", "alias"},
                      Refused{"merge_key", "a: {<<: {b: 1}}\n", "merge"},
                      Refused{"tag", "a: !!binary AAAA\n", "tag"},
                      Refused{"unterminated", "a: 'b\n", "quote"}, Refused{"tab", "a:\n\tb: 1\n", "tab"},
                      Refused{"lone_comma", ",", "error"}, Refused{"open_brace", "{", "error"},
                      Refused{"empty", "", "empty"}, Refused{"not_utf8", "a: \xff\n", "UTF-8"},
                      Refused{"directive", "%YAML 9\n---\na: 1\n", "directive"},
                      Refused{"deep_flow", std::string(100000, '['), "64"},
                      Refused{"deep_block",
                              [] {
                                std::string text;
                                for (int i = 0; i < 20000; ++i) text += "- ";
                                return text;
                              }(),
                              "64"},
                      Refused{"deep_question",
                              [] {
                                std::string text;
                                for (int i = 0; i < 20000; ++i) text += "? ";
                                return text;
                              }(),
                              "error"},
                      Refused{"huge", std::string((1 << 20) + 1, 'a'), "1 MiB"}),
    [](const auto& info) { return info.param.name; });

// A plain key may name an element of a list, in a map in braces, too.
TEST(ParseYaml, BracketsMayStandInKeys) {
  const std::string key = "model.layers[hidden].units";
  const ConfigNode root = parse_yaml("a: {" + key + ": 1, layers[0]: [x, 'y[0].z', \"y[0].z\"]}  # [b].c\n" +
                                         key + ": [128]\n'q[r].s': 2\ntext: |\n  v[w].x\n",
                                     "file.yaml");
  const ConfigNode& a = *root.find("a");
  ASSERT_NE(a.find(key), nullptr);
  EXPECT_EQ(a.find(key)->where()->column, 33);
  EXPECT_EQ(a.entries()[0].key.where()->length, 26);
  ASSERT_NE(a.find("layers[0]"), nullptr);
  EXPECT_EQ(a.find("layers[0]")->items()[1].text(), "y[0].z");
  EXPECT_EQ(a.find("layers[0]")->items()[2].text(), "y[0].z");
  EXPECT_EQ(root.find(key)->items()[0].text(), "128");
  EXPECT_NE(root.find("q[r].s"), nullptr);
  EXPECT_EQ(root.find("text")->text(), "v[w].x\n");
  for (const char* text : {"a: {b[: 1}", "a: {b[c: 1}", "a: {b[]: 1}", "a: {b]: 1}"})
    EXPECT_NE(error_of(text), "") << text;
}

TEST(ParseYaml, ColumnsCountCodePoints) {
  EXPECT_NE(error_of("é: 1\nü: {ä: 1, ä: 2}\n").find("file.yaml:2:11"), std::string::npos)
      << error_of("é: 1\nü: {ä: 1, ä: 2}\n");
}

TEST(MapReader, UnknownKeyIsShownAsDesigned) {
  const ConfigNode root = parse_yaml("optimizer: {type: sgd, learning_rte: 0.1}\n", "worked_example.yaml");
  Diagnostics diagnostics;
  MapReader reader(*root.find("optimizer"), diagnostics, "optimizer 'sgd'");
  reader.optional("learning_rate");
  reader.optional("momentum");
  reader.optional("type");
  reader.finish();
  try {
    diagnostics.throw_if_any();
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "error: unknown key 'learning_rte' in optimizer 'sgd'\n"
                 " --> worked_example.yaml:1:24\n"
                 "  |\n"
                 "1 | optimizer: {type: sgd, learning_rte: 0.1}\n"
                 "  |                        ^^^^^^^^^^^^ not a parameter of 'sgd'\n"
                 "  = help: a similar key exists: 'learning_rate'\n"
                 "  = note: parameters of sgd: learning_rate, momentum, type\n");
  }
}

struct Scalar {
  const char* text;
  bool number;
  bool integer;
  bool boolean;
};

TEST(Scalars, AreTypedByHowTheyAreWritten) {
  const Scalar cases[] = {{"1", true, true, false},
                          {"-5", true, true, false},
                          {"+7", true, true, false},
                          {"1e-4", true, false, false},
                          {"0.5", true, false, false},
                          {"010", false, false, false},
                          {"1_000", false, false, false},
                          {"0x1F", false, false, false},
                          {".inf", false, false, false},
                          {"true", false, false, true},
                          {"True", false, false, false},
                          {"yes", false, false, false},
                          {"\"5\"", false, false, false},
                          {"1e999", false, false, false},
                          {"99999999999999999999", true, false, false}};
  for (const Scalar& scalar : cases) {
    const ConfigNode root = parse_yaml(std::string("a: ") + scalar.text + "\n", "f");
    Diagnostics d;
    EXPECT_EQ(read_number(*root.find("a"), d, "'a'").has_value(), scalar.number) << scalar.text;
    EXPECT_EQ(read_integer(*root.find("a"), d, "'a'", -100, 100).has_value(), scalar.integer) << scalar.text;
    EXPECT_EQ(read_boolean(*root.find("a"), d, "'a'").has_value(), scalar.boolean) << scalar.text;
  }
}

TEST(ReadArray, WantsEqualLengths) {
  Diagnostics d;
  const ConfigNode root =
      parse_yaml("a: [[1, 2], [3, 4], [5, 6]]\nb: [[1, 2], [3]]\nc: [1, [2]]\nd: [[1], 2]\n", "f");
  const auto array = read_array(*root.find("a"), d, "'a'");
  ASSERT_TRUE(array);
  EXPECT_EQ(array->shape, (Shape{3, 2}));
  EXPECT_EQ(array->values, (std::vector<double>{1, 2, 3, 4, 5, 6}));
  for (const char* key : {"b", "c", "d"}) EXPECT_FALSE(read_array(*root.find(key), d, key)) << key;
  EXPECT_EQ(d.count(), 3u);
}

TEST(Overrides, ReachByNameAndIndex) {
  ConfigNode root =
      parse_yaml("model: {layers: [{type: dense, name: hidden, units: 2}, {type: relu}]}\n", "f");
  apply_override(root, "model.layers[hidden].units=64");
  apply_override(root, "model.layers[1].type=tanh");
  apply_override(root, "train.epochs=3");
  apply_override(root, "data={type: xor}");
  EXPECT_EQ(root, parse_yaml("model: {layers: [{type: dense, name: hidden, units: 64}, {type: tanh}]}\n"
                             "train: {epochs: 3}\ndata: {type: xor}\n",
                             "f"));
  const std::pair<const char*, const char*> wrong[] = {{"model.layers[hiden].units=1", "'hidden'"},
                                                       {"model.layers[7].units=1", "2 elements"},
                                                       {"model.layers.units=1", "[name] or [index]"},
                                                       {"a", "KEY=VALUE"},
                                                       {"a=", "no value"},
                                                       {"a..b=1", "empty name"},
                                                       {"a=[1", "--set a=[1"}};
  for (const auto& [text, says] : wrong) {
    try {
      apply_override(root, text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }
}

class Extends : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    return folder_.file(name, text);
  }
  test::TemporaryDirectory folder_;
};

TEST_F(Extends, MergesMapsReplacesListsAndChangedTypes) {
  write("base.yaml", "a: {type: x, p: 1}\nb: {type: x, p: 1}\nc: [1, 2]\n");
  const auto file = write("own.yaml", "extends: base.yaml\na: {type: y}\nb: {q: 2}\nc: [3]\n");
  EXPECT_EQ(load_extended(file), parse_yaml("a: {type: y}\nb: {type: x, p: 1, q: 2}\nc: [3]\n", "f"));
}

TEST_F(Extends, ShowsCyclesAndMissingBases) {
  write("a.yaml", "extends: [b.yaml]\n");
  const auto file = write("b.yaml", "extends: a.yaml\n");
  try {
    load_extended(file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("b.yaml → a.yaml → b.yaml"), std::string::npos) << error.what();
  }
  try {
    load_extended(write("c.yaml", "extends: bse.yaml\n"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("c.yaml:1:10"), std::string::npos) << error.what();
  }
}

// Trees of random shape, with every kind of scalar.
ConfigNode random_tree(std::uint32_t seed, std::uint32_t& element, int depth) {
  const auto draw = [&](std::uint32_t bound) { return random_below({seed, 1}, 0, 0, element++, bound); };
  const char* texts[] = {"relu",     "a b", "5",   "true", "~",   "",      "- x", "a: b",
                         "é\n\"q\"", "#c",  "010", "x,y",  "[z]", " lead", "1e3x"};
  const std::uint32_t kind = depth == 0 ? draw(4) : draw(6);
  if (kind == 0) return ConfigNode::text(texts[draw(std::size(texts))]);
  if (kind == 1) return ConfigNode::integer(static_cast<std::int64_t>(draw(2000)) - 1000);
  if (kind == 2) return ConfigNode::number(random_normal({seed, 2}, 0, 0, element++) * 1e-5);
  if (kind == 3) return ConfigNode::boolean(draw(2) == 1);
  ConfigNode node = kind == 4 ? ConfigNode::sequence() : ConfigNode::map();
  for (std::uint32_t i = draw(5); i-- > 0;) {
    if (kind == 4) {
      node.push_back(random_tree(seed, element, depth - 1));
    } else {
      node.set(std::string("key ") + std::to_string(i) + texts[draw(2)],
               random_tree(seed, element, depth - 1));
    }
  }
  return node;
}

TEST(EmitYaml, ParsesToTheSameTree) {
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    std::uint32_t element = 0;
    ConfigNode root = ConfigNode::map();
    root.set("root", random_tree(seed, element, 4));
    const std::string text = emit_yaml(root);
    try {
      EXPECT_EQ(parse_yaml(text, "emitted"), root) << text;
    } catch (const Error& error) {
      ADD_FAILURE() << error.what() << text;
    }
  }
}

}  // namespace
}  // namespace assay
