#include "assay/data/stored_array.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include "assay/data/file.h"

namespace assay {
namespace {

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Every value is a double.
double half_to_double(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  double magnitude = 0;
  if (exponent == 0x1F) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(fraction + 0x400, exponent - 25);
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

// bfloat16 is the upper half of a binary32.
double bfloat_to_double(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Calls f with a function (element index) → the value as std::int64_t, std::uint64_t or double, whichever
// holds it exactly.
template <class F>
void visit_values(const StoredArray& array, F f) {
  const auto at = [&array]<class T>(std::size_t i, T*) {
    return file::load<T>(array.bytes, i * sizeof(T), array.big_endian);
  };
  const auto integers = [&]<class T>(T* type) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    f([&at, type](std::size_t i) { return static_cast<Wide>(at(i, type)); });
  };
  constexpr std::uint16_t* word = nullptr;
  constexpr std::uint32_t* dword = nullptr;
  constexpr std::uint64_t* qword = nullptr;
  switch (array.type) {
    case StoredType::boolean:
      return f([&](std::size_t i) { return std::uint64_t{array.bytes[i] != std::byte{0}}; });
    case StoredType::i8:
      return integers(static_cast<std::int8_t*>(nullptr));
    case StoredType::i16:
      return integers(static_cast<std::int16_t*>(nullptr));
    case StoredType::i32:
      return integers(static_cast<std::int32_t*>(nullptr));
    case StoredType::i64:
      return integers(static_cast<std::int64_t*>(nullptr));
    case StoredType::u8:
      return integers(static_cast<std::uint8_t*>(nullptr));
    case StoredType::u16:
      return integers(word);
    case StoredType::u32:
      return integers(dword);
    case StoredType::u64:
      return integers(qword);
    case StoredType::f16:
      return f([&](std::size_t i) { return half_to_double(at(i, word)); });
    case StoredType::bf16:
      return f([&](std::size_t i) { return bfloat_to_double(at(i, word)); });
    case StoredType::f32:
      return f([&](std::size_t i) { return double{std::bit_cast<float>(at(i, dword))}; });
    case StoredType::f64:
      return f([&](std::size_t i) { return std::bit_cast<double>(at(i, qword)); });
  }
  std::abort();  // the enumeration is closed
}

// Calls f(row-major index, stored index) for every element, in row-major order.
template <class F>
void for_each_element(const StoredArray& array, F f) {
  const std::int64_t count = array.shape.count();
  if (!array.column_major || array.shape.rank() < 2) {
    for (std::int64_t i = 0; i < count; ++i) f(i, static_cast<std::size_t>(i));
    return;
  }
  std::array<std::int64_t, Shape::kMaxRank> stride{};
  std::array<std::int64_t, Shape::kMaxRank> index{};
  for (int axis = 0; axis < array.shape.rank(); ++axis) stride[axis] = array.shape.count(0, axis);
  std::int64_t stored = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    f(i, static_cast<std::size_t>(stored));
    for (int axis = array.shape.rank() - 1; axis >= 0; --axis) {
      stored += stride[axis];
      if (++index[axis] < array.shape[axis]) break;
      stored -= stride[axis] * array.shape[axis];
      index[axis] = 0;
    }
  }
}

template <class To, class From>
bool fits(From value) {
  if constexpr (std::is_integral_v<To>) {
    return std::in_range<To>(value);
  } else if constexpr (std::is_same_v<To, float> && std::is_same_v<From, double>) {
    return !std::isfinite(value) || std::isfinite(static_cast<float>(value));
  } else {
    return true;
  }
}

template <class To>
void decode_into(const StoredArray& array, Tensor& tensor, const std::filesystem::path& path) {
  const auto target = tensor.as<To>();
  visit_values(array, [&](auto value_at) {
    using From = decltype(value_at(0));
    if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
      std::abort();  // decode() refuses these
    } else {
      for_each_element(array, [&](std::int64_t i, std::size_t stored) {
        const From value = value_at(stored);
        if (!fits<To>(value)) {
          file::fail(path,
                     fmt::format("element {} is {}, which does not fit {}", array.shape.index_text(i), value,
                                 name_of(tensor.dtype())),
                     std::is_integral_v<To> ? "integers are kept in 32 bits; store such numbers as floats"
                                            : "train with numeric.dtype f64, or scale the values down");
        }
        target[static_cast<std::size_t>(i)] = static_cast<To>(value);
      });
    }
  });
}

// True where the stored bytes are the bytes of the tensor.
bool lies_as_in_memory(const StoredArray& array, DType dtype) {
  const bool same = (array.type == StoredType::f32 && dtype == DType::f32) ||
                    (array.type == StoredType::f64 && dtype == DType::f64) ||
                    (array.type == StoredType::i32 && dtype == DType::i32) ||
                    (array.type == StoredType::u8 && dtype == DType::u8);
  return same && (!array.big_endian || size_of(dtype) == 1) &&
         (!array.column_major || array.shape.rank() < 2);
}

}  // namespace

std::size_t size_of(StoredType type) noexcept {
  switch (type) {
    case StoredType::boolean:
    case StoredType::i8:
    case StoredType::u8:
      return 1;
    case StoredType::i16:
    case StoredType::u16:
    case StoredType::f16:
    case StoredType::bf16:
      return 2;
    case StoredType::i32:
    case StoredType::u32:
    case StoredType::f32:
      return 4;
    case StoredType::i64:
    case StoredType::u64:
    case StoredType::f64:
      return 8;
  }
  return 0;
}

std::string_view name_of(StoredType type) noexcept {
  static constexpr std::string_view kNames[] = {"boolean",  "int8",    "int16",  "int32",  "int64",
                                                "uint8",    "uint16",  "uint32", "uint64", "float16",
                                                "bfloat16", "float32", "float64"};
  return kNames[static_cast<std::size_t>(type)];
}

bool is_integer(StoredType type) noexcept { return type < StoredType::f16; }

DType natural_dtype(StoredType type) noexcept {
  if (type == StoredType::f64) return DType::f64;
  if (!is_integer(type)) return DType::f32;
  return type == StoredType::u8 || type == StoredType::boolean ? DType::u8 : DType::i32;
}

Tensor decode(const StoredArray& array, std::optional<DType> wanted, const std::filesystem::path& path) {
  const DType dtype = wanted.value_or(natural_dtype(array.type));
  if (!is_real(dtype) && !is_integer(array.type)) {
    file::fail(path,
               fmt::format("{} numbers where integers ({}) are wanted", name_of(array.type), name_of(dtype)),
               "store class labels and indices as integers, in numpy with y.astype('int64')");
  }
  if (is_real(dtype) && !is_trainable(dtype)) {  // the dtypes of verification take what f64 holds
    const Tensor values = decode(array, DType::f64, path);
    Tensor tensor = file::allocate({dtype, array.shape}, path);
    convert(values.view(), tensor.view());
    return tensor;
  }
  Tensor tensor = file::allocate({dtype, array.shape}, path);
  if (lies_as_in_memory(array, dtype)) {
    if (!array.bytes.empty()) std::memcpy(tensor.data(), array.bytes.data(), array.bytes.size());
  } else if (dtype == DType::f32) {
    decode_into<float>(array, tensor, path);
  } else if (dtype == DType::f64) {
    decode_into<double>(array, tensor, path);
  } else if (dtype == DType::i32) {
    decode_into<std::int32_t>(array, tensor, path);
  } else {
    decode_into<std::uint8_t>(array, tensor, path);
  }
  return tensor;
}

}  // namespace assay
