// A backend that wraps another one and counts what it is asked to do: calls and bytes of each implementation,
// reported on standard error when the program ends with it.
#include <assay/plugin.h>

#include <atomic>
#include <cstdio>
#include <map>

using namespace assay;

namespace {

// One row of the report. Kernels of one implementation share it.
struct Count {
  std::atomic<std::int64_t> calls{0};
  std::atomic<std::int64_t> bytes{0};
};

class Counts {
 public:
  ~Counts() {
    for (const auto& [implementation, count] : counts_) {
      if (count.calls > 0)
        std::fprintf(stderr, "counting: %-32s %10lld calls %14lld bytes\n", implementation.c_str(),
                     static_cast<long long>(count.calls), static_cast<long long>(count.bytes));
    }
  }
  Count& of(const std::string& implementation) { return counts_[implementation]; }

 private:
  std::map<std::string, Count> counts_;
};

class Counting final : public Backend {
 public:
  explicit Counting(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  std::string_view name() const noexcept override { return "counting"; }
  Offer offer(const Site& site) const override {
    Offer offer = inner_->offer(site);
    Plan* plan = std::get_if<Plan>(&offer);
    if (plan == nullptr) return offer;
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < site.inputs.size(); ++i)
      bytes += static_cast<std::int64_t>(plan->input_layout(i).bytes_of(site.input(i)));
    for (std::size_t i = 0; i < site.outputs.size(); ++i)
      bytes += static_cast<std::int64_t>(plan->output_layout(i).bytes_of(site.output(i)));
    plan->bind = [counts = counts_, name = plan->implementation, bytes, bind = plan->bind]() -> KernelPtr {
      return make_kernel([counts, count = &counts->of(name), bytes,
                          kernel = std::shared_ptr<const Kernel>(bind())](const Io& io) {
        kernel->run(io);
        count->calls.fetch_add(1, std::memory_order_relaxed);
        count->bytes.fetch_add(bytes, std::memory_order_relaxed);
      });
    };
    return offer;
  }
  std::span<const Pattern> patterns() const override { return inner_->patterns(); }
  KernelPtr reorder(const Spec& spec, const Layout& from, const Layout& to) const override {
    return inner_->reorder(spec, from, to);
  }
  std::string description() const override { return "counting, around " + inner_->description(); }

 private:
  std::unique_ptr<Backend> inner_;
  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace

ASSAY_PLUGIN("counting", "1.0", registry) {
  registry.add_backend({.name = "counting",
                        .summary = "another backend, with a count of its kernels' calls and bytes",
                        .fields = {{.name = "of",
                                    .kind = FieldKind::text,
                                    .summary = "the backend to count",
                                    .fallback = std::string("reference")}},
                        .create = [](const BackendContext& context) {
                          return std::make_unique<Counting>(context.create(context.fields.text("of")));
                        }});
}
