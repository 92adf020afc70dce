// The data sources that read values and files: inline, csv, npz, npy, idx and cifar10.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "assay/core/error.h"
#include "assay/data/cifar10.h"
#include "assay/data/csv.h"
#include "assay/data/file.h"
#include "assay/data/idx.h"
#include "assay/data/npy.h"
#include "assay/data/npz.h"
#include "assay/data/source.h"

namespace assay {
namespace {

using Path = std::filesystem::path;

constexpr double kPixelMaximum = 255;

FieldDef required(std::string name, FieldKind kind, std::string summary) {
  return {.name = std::move(name), .kind = kind, .summary = std::move(summary), .required = true};
}
FieldDef optional_text(std::string name, std::string summary) {
  return {.name = std::move(name), .kind = FieldKind::text, .summary = std::move(summary), .optional = true};
}
FieldDef target_kind_field() {
  return {.name = "target_kind",
          .kind = FieldKind::choice,
          .summary =
              "auto: text and whole numbers, one per sample, are class labels; number, label: they all are",
          .fallback = std::string("auto"),
          .choices = {"auto", "number", "label"}};
}
TargetReading target_kind(const DataContext& context) {
  return parse_target_reading(context.fields.text("target_kind"));
}
bool given(const DataContext& context, std::string_view name) { return context.fields.find(name) != nullptr; }

// Values in the experiment file. A flat list of whole numbers has no dtype to tell that it holds labels, so
// it becomes i32 here.
SplitDataset load_inline(const DataContext& context) {
  const auto tensor = [](const Array& array, DType dtype) {
    return Tensor::of(dtype, array.shape, array.values);
  };
  const auto is_label = [](double x) { return x >= 0 && x == std::floor(x) && x <= 2147483647; };
  const Array& y = context.fields.array("y");
  const bool labels = y.shape.rank() == 1 && std::ranges::all_of(y.values, is_label);
  SplitDataset data;
  data.train = make_dataset(tensor(context.fields.array("x"), DType::f64),
                            tensor(y, labels ? DType::i32 : DType::f64), target_kind(context), {});
  data.train.identity =
      file::ContentHash().add(data.train.inputs.view()).add(data.train.targets.view()).text();
  return data;
}

SplitDataset load_csv(const DataContext& context) {
  const Path path = context.path("file");
  const std::string& separator = context.fields.text("separator");
  if (separator.size() != 1)
    throw Error(fmt::format("separator '{}' is not one character", separator)).help("a tab is \"\\t\"");
  SplitDataset data;
  data.train = read_csv(path, {.target = context.fields.texts("target"),
                               .header = context.fields.boolean("header"),
                               .separator = separator.front(),
                               .target_kind = target_kind(context)});
  data.train.identity = file::identity(std::array{path});
  return data;
}

SplitDataset load_npz(const DataContext& context) {
  const Path path = context.path("file");
  const NpzFile file(path);
  const auto load = [&](std::string_view x, std::string_view y) {
    Dataset part = make_dataset(file.read(context.fields.text(x)), file.read(context.fields.text(y)),
                                target_kind(context), path);
    part.identity = file::identity(std::array{path});
    return part;
  };
  if (given(context, "test_x") != given(context, "test_y"))
    throw Error("test_x and test_y are given together or not at all");
  SplitDataset data{load("x", "y")};
  if (given(context, "test_x")) data.test = load("test_x", "test_y");
  return data;
}

SplitDataset load_npy(const DataContext& context) {
  const auto load = [&](std::string_view x, std::string_view y) {
    const std::array files{context.path(x), context.path(y)};
    Dataset part = make_dataset(read_npy(files[0]), read_npy(files[1]), target_kind(context), files[1]);
    part.identity = file::identity(files);
    return part;
  };
  if (given(context, "test_x") != given(context, "test_y"))
    throw Error("test_x and test_y are given together or not at all");
  SplitDataset data{load("x", "y")};
  if (given(context, "test_x")) data.test = load("test_x", "test_y");
  return data;
}

// Images as bytes become numbers in [0, 1] when they are converted; other values stay as they are. [N,
// height, width] gets a channel axis.
Dataset load_idx_pair(const Path& images_path, const Path& labels_path) {
  Tensor images = read_idx(images_path);
  const bool bytes = images.dtype() == DType::u8;
  if (const Shape shape = images.shape(); shape.rank() == 3) {
    images = std::move(images).reshaped(Shape{shape[0], 1, shape[1], shape[2]});
  }
  Tensor labels = read_idx(labels_path);
  if (labels.shape().rank() != 1 || is_real(labels.dtype())) {
    file::fail(labels_path,
               fmt::format("{} are no labels: whole numbers of shape [N] are", labels.spec().to_string()),
               "the images and the labels may be exchanged");
  }
  if (images.shape()[0] != labels.shape()[0]) {
    file::fail(labels_path,
               fmt::format("{} labels, but {} images in '{}'", labels.shape()[0], images.shape()[0],
                           images_path.string()),
               "the two files belong to different sets");
  }
  Dataset data = make_dataset(std::move(images), std::move(labels), TargetReading::label, labels_path);
  if (bytes) data.transform.divisor = kPixelMaximum;
  data.identity = file::identity(std::array{images_path, labels_path});
  return data;
}

// The file of that stem in `directory` under the names in use: train-images-idx3-ubyte or
// train-images.idx3-ubyte, with or without .gz.
std::optional<Path> find_idx(const Path& directory, const std::string& stem, const std::string& kind) {
  for (const std::string_view separator : {"-", "."}) {
    for (const std::string_view suffix : {"", ".gz"}) {
      Path path = directory / fmt::format("{}{}{}{}", stem, separator, kind, suffix);
      std::error_code ignored;
      if (std::filesystem::exists(path, ignored)) return path;
    }
  }
  return std::nullopt;
}

std::optional<Dataset> load_idx_part(const Path& directory, const std::string& part) {
  const auto images = find_idx(directory, part + "-images", "idx3-ubyte");
  const auto labels = find_idx(directory, part + "-labels", "idx1-ubyte");
  if (!images && !labels) return std::nullopt;
  if (!images || !labels) {
    file::fail(directory,
               fmt::format(
                   "'{}' has only one of {}-images-idx3-ubyte and {}-labels-idx1-ubyte (each may end in .gz)",
                   directory.string(), part, part));
  }
  return load_idx_pair(*images, *labels);
}

SplitDataset load_idx(const DataContext& context) {
  const bool single_files = given(context, "images") || given(context, "labels");
  if (given(context, "dir") == single_files) {
    throw Error("the data are given by dir, or by images and labels").help("give one of the two");
  }
  if (given(context, "dir")) {
    const Path directory = context.path("dir");
    std::optional<Dataset> train = load_idx_part(directory, "train");
    if (!train) {
      file::fail(directory,
                 fmt::format("no train-images-idx3-ubyte or train-labels-idx1-ubyte (.gz) in '{}'",
                             directory.string()),
                 "the Debian package dataset-fashion-mnist installs Fashion-MNIST under "
                 "/usr/share/datasets/fashion-mnist");
    }
    return {.train = std::move(*train), .test = load_idx_part(directory, "t10k")};
  }
  if (given(context, "images") != given(context, "labels"))
    throw Error("images and labels are given together");
  if (given(context, "test_images") != given(context, "test_labels")) {
    throw Error("test_images and test_labels are given together or not at all");
  }
  SplitDataset data{load_idx_pair(context.path("images"), context.path("labels"))};
  if (given(context, "test_images"))
    data.test = load_idx_pair(context.path("test_images"), context.path("test_labels"));
  return data;
}

Dataset load_cifar10_files(std::span<const Path> files) {
  LabelledImages read = read_cifar10(files);
  Dataset data;
  data.inputs = std::move(read.images);
  data.targets = std::move(read.labels);
  data.classes = kCifar10Classes;
  data.class_names = cifar10_class_names();
  data.transform.divisor = kPixelMaximum;
  data.identity = file::identity(files);
  return data;
}

SplitDataset load_cifar10(const DataContext& context) {
  Path directory = context.path("dir");
  std::error_code ignored;
  // The archive unpacks into a folder of this name; the folder above it will do.
  if (const Path inner = directory / "cifar-10-batches-bin"; std::filesystem::is_directory(inner, ignored))
    directory = inner;
  std::vector<Path> files;
  for (int batch = 1; batch <= 5; ++batch)
    files.push_back(directory / fmt::format("data_batch_{}.bin", batch));
  SplitDataset data{load_cifar10_files(files)};
  data.test = load_cifar10_files(std::array{directory / "test_batch.bin"});
  return data;
}

}  // namespace

std::vector<DataSourceDef> file_sources() {
  return {
      {"inline",
       "values in the experiment file; a flat list y of whole numbers is class labels",
       {required("x", FieldKind::array, "inputs, one row per sample"),
        required("y", FieldKind::array, "targets, one row per sample"), target_kind_field()},
       load_inline},
      {"csv",
       "a table of numbers; targets may be text, whose distinct values become classes in sorted order",
       {required("file", FieldKind::text, "path of the table"),
        required("target", FieldKind::texts,
                 "target column(s), by name or by number from 0 (-1 is the last)"),
        {.name = "header",
         .kind = FieldKind::boolean,
         .summary = "the first line names the columns",
         .fallback = true},
        {.name = "separator",
         .kind = FieldKind::text,
         .summary = "one character between fields",
         .fallback = std::string(",")},
        target_kind_field()},
       load_csv,
       {"file"}},
      {"npz",
       "arrays of a NumPy .npz archive; integers y [N] are class labels",
       {required("file", FieldKind::text, "path of the archive"),
        {.name = "x",
         .kind = FieldKind::text,
         .summary = "name of the inputs [N, ...]",
         .fallback = std::string("x")},
        {.name = "y",
         .kind = FieldKind::text,
         .summary = "name of the targets [N, ...]",
         .fallback = std::string("y")},
        optional_text("test_x", "name of the test inputs"),
        optional_text("test_y", "name of the test targets"),
        target_kind_field()},
       load_npz,
       {"file"}},
      {"npy",
       "two NumPy .npy files; integers y [N] are class labels",
       {required("x", FieldKind::text, "path of the inputs [N, ...]"),
        required("y", FieldKind::text, "path of the targets [N, ...]"),
        optional_text("test_x", "path of the test inputs"),
        optional_text("test_y", "path of the test targets"), target_kind_field()},
       load_npy,
       {"x", "y", "test_x", "test_y"}},
      {"idx",
       "IDX files of the MNIST family, plain or gzipped; bytes become numbers in [0, 1]",
       {optional_text(
            "dir",
            "folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and, for testing, t10k-… (or .gz)"),
        optional_text("images", "path of the images, instead of dir"),
        optional_text("labels", "path of the labels, instead of dir"),
        optional_text("test_images", "path of the test images"),
        optional_text("test_labels", "path of the test labels")},
       load_idx,
       {"dir", "images", "labels", "test_images", "test_labels"}},
      {"cifar10",
       "CIFAR-10 in its binary version; bytes become numbers in [0, 1]",
       {required("dir", FieldKind::text,
                 "folder with data_batch_1.bin to data_batch_5.bin and test_batch.bin")},
       load_cifar10,
       {"dir"}},
  };
}

}  // namespace assay
