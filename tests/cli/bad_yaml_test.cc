// Every rule of experiment files, broken: the program names file, line and column, marks the place, says what
// is wrong and how to mend it, exits with 2 and writes nothing.
#include <fmt/format.h>

#include "cli/command_line.h"

namespace assay::test {
namespace {

struct Broken {
  std::string rule;
  std::string ExperimentLines::*line;  ///< null: `text` is the whole file
  std::string text;
  std::vector<std::string> says;
};

class BadYaml : public CommandLine, public ::testing::WithParamInterface<Broken> {};

TEST_P(BadYaml, IsRefused) {
  ExperimentLines lines;
  if (GetParam().line != nullptr) lines.*GetParam().line = GetParam().text;
  const std::string text = GetParam().line != nullptr ? lines.text() : GetParam().text;
  const std::string file = write("bad.yaml", text);
  for (const std::string command : {"check", "run", "explain"})
    expect_refused({command, file}, GetParam().says);
}

std::string nested(const std::string& open, int depth) {
  std::string text = "assay: 1\nname: ";
  for (int i = 0; i < depth; ++i) text += open;
  return text;
}

using L = ExperimentLines;

INSTANTIATE_TEST_SUITE_P(
    Syntax, BadYaml,
    ::testing::Values(
        Broken{"unknown_key",
               &L::optimizer,
               "optimizer: {type: sgd, learning_rte: 0.1}",
               {"error: unknown key 'learning_rte' in optimizer 'sgd'", "bad.yaml:7:24",
                "7 | optimizer: {type: sgd, learning_rte: 0.1}\n",
                "  |                        ^^^^^^^^^^^^ not a parameter of 'sgd'\n",
                "help: a similar key exists: 'learning_rate'", "note: parameters of sgd: "}},
        Broken{
            "duplicate_key", &L::more, "name: again", {"'name'", "bad.yaml:9:1", "^^^^", "line 2, column 1"}},
        Broken{"duplicate_key_inside",
               &L::optimizer,
               "optimizer: {type: sgd, type: adam, learning_rate: 0.1}",
               {"'type'", "bad.yaml:7:24", "^^^^"}},
        Broken{"second_document", &L::more, "---\nassay: 1", {"document", "bad.yaml:9:1", "^^^"}},
        Broken{"anchor",
               &L::optimizer,
               "optimizer: &o {type: sgd, learning_rate: 0.1}",
               {"anchor", "bad.yaml:7:12", "^"}},
        Broken{"alias", &L::optimizer, "optimizer: *o", {"alias", "bad.yaml:7:12", "^"}},
        Broken{"merge_key",
               &L::optimizer,
               "optimizer: {<<: {type: sgd}, learning_rate: 0.1}",
               {"merge", "bad.yaml:7:13", "^^", "extends"}},
        Broken{"custom_tag",
               &L::optimizer,
               "optimizer: !mine {type: sgd, learning_rate: 0.1}",
               {"tag", "bad.yaml:7:12", "^"}},
        Broken{"core_tag", &L::name, "name: !!str small", {"tag", "bad.yaml:2:7"}},
        Broken{"directive", nullptr, "%YAML 1.2\n---\nassay: 1\n", {"directive", "bad.yaml:1:1"}},
        Broken{"tab", &L::train, "train:\n\tepochs: 2", {"tab", "bad.yaml:9:1"}},
        Broken{"open_brace", &L::train, "train: {epochs: 2", {"bad.yaml:", "error"}},
        Broken{"open_quote", &L::name, "name: 'small", {"bad.yaml:", "quote"}},
        Broken{"lone_comma", nullptr, ",", {"bad.yaml:1:1"}},
        Broken{"key_that_is_a_list", &L::more, "? [a]\n: b", {"a key must be text", "bad.yaml:9:3"}},
        Broken{"a_list_of_experiments", nullptr, "- assay: 1\n", {"must be a map", "bad.yaml:1:1"}},
        Broken{"a_word", nullptr, "assay\n", {"must be a map", "bad.yaml:1:1"}},
        Broken{"empty", nullptr, "", {"is empty", "assay: 1"}},
        Broken{"comments_alone", nullptr, "# nothing\n", {"is empty"}},
        Broken{"not_utf8",
               &L::name,
               "name: sm\xff"
               "ll",
               {"UTF-8", "bad.yaml:2:9"}},
        Broken{"utf16",
               nullptr,
               std::string("\xff\xfe"
                           "a\0s\0",
                           6),
               {"UTF-16", "bad.yaml:1:1"}},
        Broken{"control_character",
               &L::name,
               std::string("name: sm\0ll", 11),
               {"control character", "bad.yaml:2:9"}},
        Broken{"deep_flow", nullptr, nested("[", 100000), {"64", "bad.yaml:2"}},
        Broken{"deep_maps", nullptr, nested("{a: ", 100000), {"64", "bad.yaml:2"}},
        Broken{"deep_block", nullptr, nested("- ", 20000), {"bad.yaml:"}},
        Broken{"larger_than_a_mebibyte", nullptr, "assay: 1\nname: " + std::string(1 << 20, 'a'), {"1 MiB"}}),
    [](const auto& info) { return info.param.rule; });

INSTANTIATE_TEST_SUITE_P(
    Schema, BadYaml,
    ::testing::Values(
        Broken{"version_not_first",
               nullptr,
               "name: small\nassay: 1\n",
               {"'assay: 1' must stand first", "bad.yaml:1:1"}},
        Broken{"later_version", &L::version, "assay: 2", {"format version 2", "version 1", "bad.yaml:1:8"}},
        Broken{"missing_key", &L::loss, "", {"lacks the key 'loss'", "bad.yaml:1:1"}},
        Broken{"octal", &L::train, "train: {epochs: 010}", {"'010'", "leading zero", "bad.yaml:8:17"}},
        Broken{"underscore", &L::train, "train: {epochs: 1_000}", {"without '_'", "bad.yaml:8:17"}},
        Broken{"hexadecimal",
               &L::train,
               "train: {epochs: 0x10}",
               {"'epochs' must be an integer", "bad.yaml:8:17"}},
        Broken{"capital_true", &L::data, "data: {type: xor, shuffle: True}", {"lower case", "bad.yaml:4:28"}},
        Broken{"yes", &L::data, "data: {type: xor, shuffle: yes}", {"write true", "bad.yaml:4:28"}},
        Broken{"quoted_number",
               &L::train,
               "train: {epochs: '2'}",
               {"an integer, not the text '2'", "bad.yaml:8:17"}},
        Broken{"infinity",
               &L::optimizer,
               "optimizer: {type: sgd, learning_rate: .inf}",
               {"a number", "bad.yaml:7:39"}},
        Broken{"beyond_64_bits",
               &L::optimizer,
               "optimizer: {type: sgd, learning_rate: 1e999}",
               {"no 64-bit number", "bad.yaml:7:39"}},
        Broken{"null_value",
               &L::train,
               "train: {epochs: ~}",
               {"'epochs' must be an integer, not null", "bad.yaml:8:17"}},
        // Nothing is evaluated, no variable is read.
        Broken{"no_evaluation", &L::train, "train: {epochs: 1+1}", {"not the text '1+1'", "bad.yaml:8:17"}},
        Broken{
            "no_environment", &L::data, "data: {type: csv, file: $HOME/d.csv, target: y}", {"$HOME/d.csv"}},
        // Only the chosen type's fields are spoken of.
        Broken{"field_of_another_type",
               &L::optimizer,
               "optimizer: {type: sgd, learning_rate: 0.1, beta1: 0.9}",
               {"unknown key 'beta1' in optimizer 'sgd'", "bad.yaml:7:44"}},
        Broken{"unknown_type",
               &L::optimizer,
               "optimizer: {type: sdg, learning_rte: 0.1}",
               {"unknown optimizer 'sdg'", "'sgd'", "bad.yaml:7:19"}},
        Broken{"layer_in_short_without_its_field",
               &L::model,
               "model: {input: [1], layers: [dense]}",
               {"layer 'dense' lacks the key 'units'", "bad.yaml:5:30", "^^^^^"}},
        Broken{"layer_name_twice",
               &L::model,
               "model: {input: [1], layers: [{type: dense, name: a, units: 1}, {type: dense, name: a, units: "
               "1}]}",
               {"'a'", "bad.yaml:5"}},
        Broken{
            "layer_with_an_automatic_name_of_another",
            &L::model,
            "model: {input: [1], layers: [{type: dense, name: dense2, units: 1}, {type: dense, units: 1}]}",
            {"'dense2'", "bad.yaml:5"}},
        Broken{"unknown_input",
               &L::model,
               "model: {input: [1], layers: [{type: add, inputs: [input, nowhere]}]}",
               {"'nowhere'", "bad.yaml:5"}},
        Broken{"no_layers",
               &L::model,
               "model: {input: [1], layers: []}",
               {"the model has no layers", "bad.yaml:5:29"}},
        Broken{"zero_units",
               &L::model,
               "model: {input: [1], layers: [{type: dense, units: 0}]}",
               {"'units' is 0", "bad.yaml:5:51"}},
        Broken{"zero_extent",
               &L::model,
               "model: {input: [0], layers: [{type: dense, units: 1}]}",
               {"'input' is 0", "bad.yaml:5:17"}},
        Broken{"units_beyond_64_bits",
               &L::model,
               "model: {input: [1], layers: [{type: dense, units: 9223372036854775807}]}",
               {"overflows 64 bits", "layer 'dense1'", "bad.yaml:5"}},
        Broken{"zero_batch",
               &L::train,
               "train: {epochs: 1, batch_size: 0}",
               {"'batch_size' is 0", "bad.yaml:8:32"}},
        Broken{"negative_epochs", &L::train, "train: {epochs: -1}", {"'epochs' is -1", "bad.yaml:8:17"}},
        Broken{"rate_below_zero",
               &L::optimizer,
               "optimizer: {type: sgd, learning_rate: -0.1}",
               {"'learning_rate' is -0.1", "bad.yaml:7:39"}},
        Broken{"threads_below_one",
               &L::backend,
               "backend: {type: eigen, threads: 0}",
               {"'threads'", "bad.yaml:3:33"}},
        Broken{"seed_beyond_63_bits",
               &L::more,
               "seed: 9223372036854775808",
               {"from 0 to 9223372036854775807", "bad.yaml:9:7"}},
        Broken{"plugin", &L::more, "plugins: [swish.so]", {"plugin", "is missing", "bad.yaml:9:11"}},
        Broken{"extends_nothing", &L::more, "extends: nowhere.yaml", {"nowhere.yaml", "bad.yaml:9:10"}},
        Broken{"extends_itself", &L::more, "extends: bad.yaml", {"bad.yaml → ", "bad.yaml:9:10"}}),
    [](const auto& info) { return info.param.rule; });

class YamlFiles : public CommandLine {};

TEST_F(YamlFiles, TwentyErrorsAreShownAndTheRestCounted) {
  std::string text = ExperimentLines{}.text();
  for (int i = 0; i < 50; ++i) text += fmt::format("unknown{}: {}\n", i, i);
  const ProcessResult result = expect(2, {"check", write("bad.yaml", text)});
  std::size_t errors = 0;
  for (auto at = result.err.find("error: unknown key"); at != std::string::npos;
       at = result.err.find("error: unknown key", at + 1))
    ++errors;
  EXPECT_EQ(errors, 20u) << result.err;
  EXPECT_NE(result.err.find("30 more errors"), std::string::npos) << result.err;
}

TEST_F(YamlFiles, AllErrorsOfAFileComeAtOnceInItsOrder) {
  ExperimentLines lines;
  lines.backend = "backend: {type: eigne}";
  lines.optimizer = "optimizer: {type: sgd, learning_rte: 0.1}";
  lines.train = "train: {epochs: -1, batch_size: 0}";
  const std::string err = expect(2, {"check", write("bad.yaml", lines.text())}).err;
  std::size_t last = 0;
  for (const char* place : {"bad.yaml:3:17", "bad.yaml:7:24", "bad.yaml:8:17", "bad.yaml:8:33"}) {
    const std::size_t at = err.find(place, last);
    ASSERT_NE(at, std::string::npos) << place << "\n" << err;
    last = at;
  }
}

TEST_F(YamlFiles, AByteOrderMarkAndCarriageReturnsAreRead) {
  const std::string text = ExperimentLines{}.text();
  expect(0, {"check", write("bom.yaml", "\xef\xbb\xbf" + text)});
  std::string crlf;
  for (char c : text) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  expect(0, {"check", write("crlf.yaml", crlf)});
}

TEST_F(YamlFiles, TheCaretStandsUnderTheCharacterNotTheByte) {
  ExperimentLines lines;
  lines.data = "data: {type: csv, file: 'é/ü.csv', tarjet: y}";
  expect_refused({"check", write("bad.yaml", lines.text())},
                 {"4 | data: {type: csv, file: 'é/ü.csv', tarjet: y}\n",
                  "  |                                    ^^^^^^ "});
}

TEST_F(YamlFiles, ThreadsAloneKeepTheDefaultBackend) {
  ExperimentLines lines;
  lines.backend = "backend: {threads: 2}";
  EXPECT_NE(expect(0, {"check", write("e.yaml", lines.text())}).out.find("reference.linear"),
            std::string::npos);
  lines.backend = "";
  expect(0, {"check", write("e.yaml", lines.text()), "-s", "backend.threads=2"});
}

}  // namespace
}  // namespace assay::test
