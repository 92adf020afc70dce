// The boundary between the program and a plugin: a shared object with one C entry point and one stamp.
//
// The stamp is text in a section of its own, which is read from the file before anything of it runs: a plugin
// that was built by another compiler, for another standard library or under another sanitizer is refused
// without having been loaded. The entry point returns an info record, whose `load` fills a registry.
// Plugins do not write any of this: ASSAY_PLUGIN does.
//
// ASSAY_PLUGIN_ABI is raised by every change after which a plugin that was built before would misbehave:
//   - a data member, virtual function or enumerator that is added to, removed from or moved in anything that
//     the installed headers declare (only assay_plugin_info may grow at its end: it carries its size);
//   - a changed or removed function that a plugin may call, or a changed meaning of its arguments;
//   - a changed inline function or template, where old and new would disagree about the same object.
// It stays for new functions, new headers, new ops, layers and fields of YAML, and for what is not installed.
//
// The stamp has what makes another layout, mangling or allocator of the same source. Of the sanitizers,
// address, thread and memory replace the allocator or shadow every access; undefined is not in it: its checks
// stand inside functions, change no type and no call, and its runtime library comes with the plugin that
// wants it. Optimisation, -march, -fvisibility and _GLIBCXX_ASSERTIONS are not in it either, for the same
// reason.
#pragma once

#include <cstdint>

#define ASSAY_PLUGIN_ABI 8

#define ASSAY_TEXT_OF_(x) #x
#define ASSAY_TEXT_OF(x) ASSAY_TEXT_OF_(x)

#ifdef __clang__
#define ASSAY_STAMP_COMPILER "clang++ " ASSAY_TEXT_OF(__clang_major__)
#else
#define ASSAY_STAMP_COMPILER "g++ " ASSAY_TEXT_OF(__GNUC__)
#endif

#ifdef _LIBCPP_VERSION
#define ASSAY_STAMP_LIBRARY "libc++ " ASSAY_TEXT_OF(_LIBCPP_VERSION)
#else
#ifdef _GLIBCXX_DEBUG
#define ASSAY_STAMP_DEBUG " in debug mode"
#else
#define ASSAY_STAMP_DEBUG ""
#endif
#define ASSAY_STAMP_LIBRARY                                                                    \
  "libstdc++ " ASSAY_TEXT_OF(_GLIBCXX_RELEASE) " cxx11=" ASSAY_TEXT_OF(_GLIBCXX_USE_CXX11_ABI) \
      ASSAY_STAMP_DEBUG
#endif

// clang says by __has_feature what g++ says by macros.
#ifdef __has_feature
#define ASSAY_HAS_FEATURE(x) __has_feature(x)
#else
#define ASSAY_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || ASSAY_HAS_FEATURE(address_sanitizer)
#define ASSAY_STAMP_SANITIZER "address"
#elif defined(__SANITIZE_THREAD__) || ASSAY_HAS_FEATURE(thread_sanitizer)
#define ASSAY_STAMP_SANITIZER "thread"
#elif ASSAY_HAS_FEATURE(memory_sanitizer)
#define ASSAY_STAMP_SANITIZER "memory"
#else
#define ASSAY_STAMP_SANITIZER "none"
#endif

/// "key=value" joined by ';'. Kept in the section `.assay_plugin`.
#define ASSAY_PLUGIN_STAMP                                                                         \
  "assay-plugin;abi=" ASSAY_TEXT_OF(                                                               \
      ASSAY_PLUGIN_ABI) ";compiler=" ASSAY_STAMP_COMPILER ";standard library=" ASSAY_STAMP_LIBRARY \
                        ";language=C++ " ASSAY_TEXT_OF(__cplusplus) ";sanitizer=" ASSAY_STAMP_SANITIZER

namespace assay {
class Registry;
}

extern "C" {

/// What the entry point returns: a constant of the plugin.
struct assay_plugin_info {
  std::uint32_t size;  ///< of this record
  std::uint32_t abi;   ///< ASSAY_PLUGIN_ABI of the headers that the plugin was built with
  const char* stamp;
  const char* name;                         ///< "swish"
  const char* version;                      ///< "1.0"
  void (*load)(assay::Registry& registry);  ///< may throw
};

/// The entry point, `assay_plugin`.
using assay_plugin_entry = const assay_plugin_info*();
}

/// Opens the block that registers what the plugin brings; `registry` names its Registry&. At file scope, once
/// in a shared object. Names of namespace assay need no prefix in the block.
#define ASSAY_PLUGIN(plugin_name, plugin_version, registry)                                             \
  namespace assay::plugin_detail {                                                                      \
  static void load_this_plugin(Registry&);                                                              \
  }                                                                                                     \
  extern "C" __attribute__((visibility("default"))) const char assay_plugin_stamp[];                    \
  __attribute__((used, section(".assay_plugin"))) const char assay_plugin_stamp[] = ASSAY_PLUGIN_STAMP; \
  extern "C" __attribute__((visibility("default"))) const assay_plugin_info* assay_plugin() {           \
    static const assay_plugin_info info{sizeof info,        ASSAY_PLUGIN_ABI,                           \
                                        assay_plugin_stamp, plugin_name,                                \
                                        plugin_version,     assay::plugin_detail::load_this_plugin};    \
    return &info;                                                                                       \
  }                                                                                                     \
  void assay::plugin_detail::load_this_plugin([[maybe_unused]] Registry& registry)
