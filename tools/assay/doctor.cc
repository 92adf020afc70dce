// assay doctor: what this machine and this build have — processor, instruction set, threads, libraries,
// backends, data — and for what is missing the line that installs it.
#include <fmt/format.h>

#include <filesystem>

#include "assay/command.h"
#include "assay/core/isa.h"
#include "assay/core/system.h"
#include "assay/core/version.h"
#include "assay/registry/registry.h"
#include "assay/session.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

struct OptionalBackend {
  const char* name;
  const char* packages;
};
constexpr OptionalBackend kBackends[] = {{"reference", ""},
                                         {"eigen", "libeigen3-dev"},
                                         {"openmp", "g++"},
                                         {"onednn", "libdnnl-dev ocl-icd-opencl-dev"}};

int run_doctor(const Arguments& arguments) {
  Session session(arguments);
  const SystemInfo system = system_info();
  fmt::print("assay         {} ({})\n", version(), build_description());
  fmt::print("system        {}\n", system.operating_system);
  fmt::print("processor     {}, {} cores\n", system.processor, system.cores);
  fmt::print("instructions  {} (ASSAY_ISA chooses another)\n", name_of(selected_isa()));
  fmt::print("memory        {}\n", human_bytes(system.memory_bytes));
  for (const auto& [name, library_version] : library_versions())
    fmt::print("library       {} {}\n", name, library_version);
  fmt::print("\n");
  bool complete = true;
  for (const OptionalBackend& backend : kBackends) {
    if (session.registry().backends.find(backend.name) == nullptr) {
      complete = false;
      fmt::print("✗ backend {:<10} absent; install it with: apt-get install {} and build again\n",
                 backend.name, backend.packages);
      continue;
    }
    const auto made = session.registry().create_backend(backend.name, {}, system.cores);
    fmt::print("✓ backend {:<10} {}\n", backend.name, made->description());
  }
  const bool fashion = std::filesystem::exists("/usr/share/datasets/fashion-mnist");
  fmt::print("{} data    {:<10} {}\n", fashion ? "✓" : "✗", "fashion-mnist",
             fashion ? "/usr/share/datasets/fashion-mnist"
                     : "absent; install it with: apt-get install dataset-fashion-mnist");
  next_step(complete && fashion ? "assay run experiments/fashion_mnist/mlp.yaml"
                                : "tools/install-dependencies");
  return kOk;
}

}  // namespace

Command doctor_command() {
  return {"doctor",
          "show what this machine and this build have, and how to get what is missing",
          {{"assay doctor", "processor, libraries, backends, data"}},
          {},
          {},
          run_doctor};
}

}  // namespace assay::cli
