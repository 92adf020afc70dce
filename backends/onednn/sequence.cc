#include "backends/onednn/sequence.h"

#include <dnnl_debug.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <string_view>

#include "assay/core/error.h"
#include "assay/core/tensor.h"

namespace assay::onednn {
namespace {

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

ThreadScope::ThreadScope(int threads) noexcept
    : previous_(omp_get_max_threads()), changed_(previous_ != threads) {
  if (changed_) omp_set_num_threads(threads);
}

ThreadScope::~ThreadScope() {
  if (changed_) omp_set_num_threads(previous_);
}

struct Sequence::Description {
  struct Step {
    PrimitiveDesc primitive;
    std::vector<std::pair<int, Buffer>> arguments;
  };

  dnnl::engine engine;
  int threads = 1;
  std::vector<Step> steps;
  std::vector<std::vector<float>> constants;
  std::size_t booked_bytes = 0;      // of intermediate values, from the start of the scratch
  std::size_t scratchpad_bytes = 0;  // the largest of the primitives' scratchpads, which follow

  class Bound;
};

// The primitives with their arguments. The handles of its memory objects are the one thing that running
// changes, so two threads must not run one kernel at the same time.
class Sequence::Description::Bound final : public Kernel {
 public:
  explicit Bound(std::shared_ptr<const Description> description)
      : description_(std::move(description)), stream_(description_->engine) {
    const ThreadScope scope(description_->threads);
    for (const Step& step : description_->steps) {
      Execution execution{dnnl::primitive(step.primitive.get()), {}};
      for (const auto& [argument, buffer] : step.arguments) {
        const MemoryDesc desc = argument == DNNL_ARG_SCRATCHPAD
                                    ? step.primitive.query_md(dnnl::query::scratchpad_md)
                                    : argument_desc(step.primitive, argument);
        void* fixed = nullptr;
        if (buffer.place == Buffer::Place::constant) {
          fixed = const_cast<float*>(description_->constants[buffer.index].data());
        }
        memories_.push_back({dnnl::memory(desc, description_->engine, fixed), buffer, fixed});
        execution.arguments.push_back({argument, memories_.back().memory.get()});
      }
      executions_.push_back(std::move(execution));
    }
  }

  void run(const Io& io) const override {
    const ThreadScope scope(description_->threads);
    for (Memory& memory : memories_) {
      void* pointer = resolve(memory.buffer, io, memory.pointer);
      if (pointer == memory.pointer) continue;
      require(dnnl_memory_set_data_handle(memory.memory.get(), pointer), 0);
      memory.pointer = pointer;
    }
    for (std::size_t i = 0; i < executions_.size(); ++i) {
      const Execution& execution = executions_[i];
      require(
          dnnl_primitive_execute(execution.primitive.get(), stream_.get(),
                                 static_cast<int>(execution.arguments.size()), execution.arguments.data()),
          i);
    }
    require(dnnl_stream_wait(stream_.get()), executions_.size() - 1);
  }

 private:
  struct Memory {
    dnnl::memory memory;
    Buffer buffer;
    void* pointer;
  };
  struct Execution {
    dnnl::primitive primitive;
    std::vector<dnnl_exec_arg_t> arguments;
  };

  static void* resolve(const Buffer& buffer, const Io& io, void* fixed) noexcept {
    switch (buffer.place) {
      case Buffer::Place::input:
        return const_cast<void*>(io.inputs[buffer.index]);
      case Buffer::Place::output:
        return io.outputs[buffer.index];
      case Buffer::Place::scratch:
        return static_cast<std::byte*>(io.scratch) + buffer.index;
      case Buffer::Place::constant:
        return fixed;
    }
    return nullptr;
  }

  // A primitive that was planned and created does not fail: if it does, the result would be silently stale.
  void require(dnnl_status_t status, std::size_t step) const {
    if (status == dnnl_success) return;
    throw Error(fmt::format("oneDNN primitive '{}' failed while running: {}",
                            description_->steps[step].primitive.impl_info_str(), dnnl_status2str(status)));
  }

  std::shared_ptr<const Description> description_;
  dnnl::stream stream_;
  mutable std::vector<Memory> memories_;
  std::vector<Execution> executions_;
};

Sequence::Sequence(const Context& context) : description_(std::make_shared<Description>()) {
  description_->engine = context.engine;
  description_->threads = context.threads;
}

Buffer Sequence::scratch(const MemoryDesc& desc) {
  const std::size_t offset = description_->booked_bytes;
  description_->booked_bytes += aligned(desc.get_size());
  return {Buffer::Place::scratch, offset};
}

Buffer Sequence::constant(std::vector<float> values) {
  description_->constants.push_back(std::move(values));
  return {Buffer::Place::constant, description_->constants.size() - 1};
}

void Sequence::add(const PrimitiveDesc& primitive, const std::vector<std::pair<int, Buffer>>& arguments) {
  description_->steps.push_back({primitive, arguments});
  description_->scratchpad_bytes =
      std::max(description_->scratchpad_bytes, primitive.query_md(dnnl::query::scratchpad_md).get_size());
}

Offer Sequence::plan(const std::string& name) const {
  std::string implementation;
  for (const Description::Step& step : description_->steps) {
    implementation = step.primitive.impl_info_str();
    if (implementation.find("ref") != std::string::npos) {
      return Refusal{
          fmt::format("oneDNN has only its unoptimised loop '{}' for this {}", implementation, name)};
    }
  }
  Plan plan;
  plan.implementation = fmt::format("onednn.{}.{}", name, implementation);
  plan.scratch_bytes = description_->booked_bytes + description_->scratchpad_bytes;
  plan.bind = [sequence = *this] { return sequence.bind(); };
  return plan;
}

KernelPtr Sequence::bind() const {
  auto description = std::make_shared<Description>(*description_);
  for (Description::Step& step : description->steps) {
    if (step.primitive.query_md(dnnl::query::scratchpad_md).get_size() == 0) continue;
    step.arguments.emplace_back(DNNL_ARG_SCRATCHPAD,
                                Buffer{Buffer::Place::scratch, description->booked_bytes});
  }
  try {
    return std::make_unique<Description::Bound>(description);
  } catch (const dnnl::error& error) {
    throw Error(fmt::format("oneDNN could not create '{}': {} ({})",
                            description->steps.back().primitive.impl_info_str(), error.what(),
                            dnnl_status2str(error.status)));
  }
}

}  // namespace assay::onednn
