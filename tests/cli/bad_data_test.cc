// Data files that are wrong: the program names the file and the place in it, exits with 2 and writes nothing.
// No file makes it crash, hang or take memory that the file cannot fill.
#include <fmt/format.h>
#include <zlib.h>

#include "cli/command_line.h"
#include "unit/data_files.h"

namespace assay::test {
namespace {

std::string gzipped(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string idx(int type, const std::vector<std::uint32_t>& extents, const std::string& values) {
  std::string text = bytes({0, 0, type, static_cast<int>(extents.size())});
  for (std::uint32_t extent : extents) text += big_endian(extent, 4);
  return text + values;
}

// Four images of 2 × 2 pixels and their labels.
std::string good_images() { return idx(8, {4, 2, 2}, std::string(16, '\x7f')); }
std::string good_labels() { return idx(8, {4}, bytes({0, 1, 0, 1})); }

class BadData : public CommandLine {
 protected:
  // A classifier over whatever `data` says, with samples of that shape.
  std::string experiment(const std::string& data, const std::string& input, int classes = 2) const {
    ExperimentLines lines;
    lines.data = "data: " + data;
    lines.model =
        fmt::format("model: {{input: {}, layers: [flatten, {{type: dense, units: {}}}]}}", input, classes);
    lines.loss = "loss: softmax_cross_entropy";
    return write("bad.yaml", lines.text());
  }
  // A memory limit far above what any of these needs and far below what a lying header asks for.
  void expect_bad(const std::string& file, const std::vector<std::string>& says) const {
    const std::vector<std::string> before = files();
    const ProcessResult result = assay({"run", file, "-o", "run"}, {.memory = std::size_t{3} << 30});
    EXPECT_EQ(result.exit_code, 2) << describe(result);
    for (const std::string& part : says)
      EXPECT_NE(result.err.find(part), std::string::npos) << "'" << part << "' is not in\n" << result.err;
    EXPECT_EQ(files(), before);
  }
};

struct BadFile {
  std::string bytes;
  std::vector<std::string> says;
};

TEST_F(BadData, IdxImages) {
  write("labels", good_labels());
  const std::string images = good_images(), zipped = gzipped(images);
  std::string other_magic = images;
  other_magic[0] = 1;
  const BadFile cases[] = {
      {"", {"not an IDX file", "0 bytes"}},
      {"hello", {"not an IDX file", "0x68656C6C"}},
      {other_magic, {"magic number", "0x01000803"}},
      {idx(8, {}, "x"), {"not an IDX file"}},
      {bytes({0, 0, 8, 255}) + std::string(2000, '\0'), {"not an IDX file", "0x000008FF"}},
      {idx(7, {1}, "a"), {"not an IDX file"}},
      {images.substr(0, 10), {"images"}},
      {images.substr(0, images.size() - 1), {"promise 16 bytes", "15 follow"}},
      {images + "x", {"promise 16 bytes", "more follow"}},
      {idx(8, {0xffffffff, 0xffffffff, 0xffffffff}, ""), {"overflows 64 bits"}},
      {idx(8, {0x7fffffff, 2, 2}, ""), {"promise", "bytes"}},
      {idx(8, {0, 2, 2}, ""), {"4 labels, but 0 images"}},
      {idx(8, {3, 2, 2}, std::string(12, 'a')), {"4 labels, but 3 images"}},
      {zipped.substr(0, zipped.size() - 9), {"gzip data is truncated", "copy or download"}},
      {zipped.substr(0, 5), {"gzip data is truncated"}},
      {zipped + "junk", {"gzip data is damaged"}},
      {gzipped(idx(8, {0x7fffffff}, std::string(1 << 20, '\0'))), {"promise 2147483647 bytes"}},
  };
  for (const BadFile& bad : cases) {
    write("images", bad.bytes);
    SCOPED_TRACE(bad.says.front());
    std::vector<std::string> says = bad.says;
    says.insert(says.end(), {(folder_ / "images").string(), "data source 'idx'", "bad.yaml:4:7"});
    if (bad.says.front().find("labels, but") != std::string::npos) says[1] = (folder_ / "labels").string();
    expect_bad(experiment("{type: idx, images: images, labels: labels}", "[1, 2, 2]"), says);
  }
}

TEST_F(BadData, IdxLabels) {
  write("images", good_images());
  const BadFile cases[] = {
      {idx(8, {4}, bytes({0, 1, 9, 1})), {"label 9 of sample 2 is out of range", "0 to 1", "bad.yaml:4:7"}},
      {idx(8, {4, 1}, bytes({0, 1, 0, 1})), {"are no labels", "labels"}},
      {idx(13, {4}, std::string(16, '\0')), {"are no labels"}},
  };
  for (const BadFile& bad : cases) {
    write("labels", bad.bytes);
    expect_bad(experiment("{type: idx, images: images, labels: labels}", "[1, 2, 2]"), bad.says);
  }
  expect_bad(experiment("{type: idx, images: images, labels: nowhere}", "[1, 2, 2]"),
             {(folder_ / "nowhere").string(), "No such file"});
  expect_bad(experiment("{type: idx, dir: nowhere}", "[1, 2, 2]"), {(folder_ / "nowhere").string()});
  expect_bad(experiment("{type: idx, images: ., labels: .}", "[1, 2, 2]"), {"is a directory"});
}

// Paths start at the folder of the experiment, wherever the program runs.
TEST_F(BadData, PathsAreThoseOfTheExperimentsFolder) {
  write("images", good_images());
  write("labels", good_labels());
  const std::string file = experiment("{type: idx, images: images, labels: labels}", "[1, 2, 2]");
  const ProcessResult result = run_assay({"check", file}, {.folder = "/"});
  EXPECT_EQ(result.exit_code, 0) << describe(result);
}

TEST_F(BadData, Csv) {
  const BadFile cases[] = {
      {"", {"the table is empty"}},
      {"x,y\n", {"a header and no rows"}},
      {"x,y\n1,2\n3\n", {"table.csv:3:1", "this row has 1 fields, but the header has 2", "3 | 3"}},
      {"x,y\n1,2\n3,4,5\n", {"table.csv:3:1", "this row has 3 fields"}},
      {"x,y\n1,nan\n", {"table.csv:2:3", "'nan' is not finite", "^^^"}},
      {"x,y\ninf,1\n", {"table.csv:2:1", "'inf' is not finite"}},
      {"x,y\n1,\n", {"table.csv:2:3", "an empty cell"}},
      {"x,y\nabc,1\n", {"table.csv:2:1", "'abc'"}},
      {"x,y\n1e999,1\n", {"table.csv:2:1", "'1e999'"}},
      {"x,y\n\"1,2\n", {"table.csv:2:1", "quote is not closed"}},
      {"x,z\n1,2\n", {"there is no column 'y'"}},
      {"y\n1\n", {"every column is a target"}},
      {"x,y\n\xff,2\n", {"table.csv:2:1", "UTF-8"}},
      {std::string("\0\1\2", 3), {"table.csv:1:1", "NUL"}},
  };
  for (const BadFile& bad : cases) {
    write("table.csv", bad.bytes);
    std::vector<std::string> says = bad.says;
    says.insert(says.end(), {(folder_ / "table.csv").string(), "data source 'csv'"});
    expect_bad(experiment("{type: csv, file: table.csv, target: y}", "[1]", 1), says);
  }
  expect_bad(experiment("{type: csv, file: nowhere.csv, target: y}", "[1]"),
             {(folder_ / "nowhere.csv").string()});
  expect_bad(experiment("{type: csv, file: /dev/zero, target: y}", "[1]"),
             {"/dev/zero", "not a regular file"});
  expect_bad(experiment("{type: csv, file: ., target: y}", "[1]"), {"is a directory"});
}

// The archives under tests/unit/data were written by NumPy.
TEST_F(BadData, Npz) {
  const auto from = [](const std::string& file, const std::string& x) {
    return fmt::format("{{type: npz, file: '{}', x: {}, y: {}}}",
                       source_file("tests/unit/data/" + file).string(), x, x);
  };
  for (const auto& [array, says] :
       {std::pair{"complex", "complex numbers"}, {"text", "text"}, {"object", "Python objects"}}) {
    expect_bad(experiment(from("numpy_unsupported.npz", array), "[1]"),
               {"numpy_unsupported.npz", says, array});
  }
  expect_bad(experiment(from("numpy_savez.npz", "nowhere"), "[1]"), {"numpy_savez.npz", "'nowhere'"});
  const std::string whole = contents(source_file("tests/unit/data/numpy_savez.npz"));
  for (const std::string& bad :
       {std::string(), std::string("no archive"), whole.substr(0, 100), whole.substr(0, whole.size() - 10)}) {
    write("data.npz", bad);
    expect_bad(experiment("{type: npz, file: data.npz}", "[1]"),
               {(folder_ / "data.npz").string(), "not an .npz archive"});
  }
}

TEST_F(BadData, Cifar10) {
  const std::string record = std::string(1, '\3') + std::string(3072, 'a');
  for (int i = 1; i <= 5; ++i) write(fmt::format("cifar/data_batch_{}.bin", i), record);
  const std::string file = experiment("{type: cifar10, dir: cifar}", "[3, 32, 32]", 10);
  expect_bad(file, {(folder_ / "cifar/test_batch.bin").string()});
  write("cifar/test_batch.bin", record.substr(1));
  expect_bad(file, {"test_batch.bin", "3072 bytes are 0 CIFAR-10 records"});
  write("cifar/test_batch.bin", std::string(1, '\x12') + record.substr(1));
  expect_bad(file, {"test_batch.bin", "label 18 of record 0 at byte 0"});
}

TEST_F(BadData, Weights) {
  const std::string small = write("small.yaml", ExperimentLines{}.text());
  const BadFile cases[] = {
      {"", {"not a safetensors file: 0 bytes"}},
      {std::string(8, '\xff'), {"header's length at byte 0"}},
      {little_endian(2, 8) + "{}", {"the weights lack 'only.weight'", "the weights lack 'only.bias'"}},
      {little_endian(1ull << 62, 8) + "{}", {"header's length at byte 0 is 4611686018427387904"}},
      {little_endian(100000, 8) + std::string(100000, '['), {"at byte 8"}},
  };
  for (const BadFile& bad : cases) {
    write("w.safetensors", bad.bytes);
    std::vector<std::string> says = bad.says;
    says.push_back((folder_ / "w.safetensors").string());
    expect_refused({"run", small, "-o", "run", "-s", "model.weights=w.safetensors"}, says);
  }
  expect_refused({"check", small, "-s", "model.weights=nowhere.npz"}, {(folder_ / "nowhere.npz").string()});
  expect_refused({"check", small, "-s", "model.weights=small.yaml"}, {"small.yaml", ".npz or .safetensors"});
}

TEST_F(BadData, SetsWithoutSamplesOrValues) {
  const std::pair<const char*, const char*> cases[] = {
      {"{type: inline, x: [], y: []}", "no samples"},
      {"{type: inline, x: [[]], y: [0]}", "no values"},
      {"{type: inline, x: 3, y: 4}", "a single number"},
      {"{type: inline, x: [[1], [2]], y: [0]}", "2"},
      {"{type: inline, x: [[.nan]], y: [0]}", "'.nan'"},
      {"{type: inline, x: [[1], [2, 3]], y: [0, 1]}", "lists of 1 and of 2"},
      {"{type: inline, x: [[1], [2]], y: [0, 1], split: {test: 2}}", "leave none"},
      {"{type: inline, x: [[1], [2]], y: [0, 1], split: {validation: 0.1}}", "rounds to no rows"},
      {"{type: spirals, count: 0}", "count"},
      {"{type: spirals, count: 9223372036854775807}", "count"},
      {"{type: blobs, count: 100000000000000}", "count"},
  };
  for (const auto& [data, says] : cases) expect_bad(experiment(data, "[1]"), {says, "bad.yaml:4:"});
}

}  // namespace
}  // namespace assay::test
