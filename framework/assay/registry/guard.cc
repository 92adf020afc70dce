#include "assay/registry/guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "assay/core/error.h"

namespace assay {
namespace {

// One function of one definition, for messages.
struct Guard {
  std::string subject;  // "the shape rule of op 'swish'"
  std::string owner;

  Error error(const std::string& what) const {
    Error error(subject + " " + what);
    error.note("from " + owner);
    return error;
  }

  template <class Run>
  auto operator()(Run run) const {
    try {
      return run();
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& exception) {
      throw error(fmt::format("threw an exception: {}", exception.what()));
    } catch (...) {
      throw error("threw an exception that is no std::exception");
    }
  }
};

template <class Result, class... Arguments>
void put_under(std::function<Result(Arguments...)>& function, const Guard& guard) {
  if (!function) return;
  function = [function, guard](Arguments... arguments) -> Result {
    return guard([&] { return function(std::forward<Arguments>(arguments)...); });
  };
}

// The same for a recipe, whose value must be one.
template <class... Arguments>
void put_under(std::function<Value(Arguments...)>& recipe, const Guard& guard) {
  if (!recipe) return;
  recipe = [recipe, guard](Arguments... arguments) {
    const Value value = guard([&] { return recipe(std::forward<Arguments>(arguments)...); });
    if (!value) throw guard.error("returns no value");
    return value;
  };
}

void require_chains(std::span<const Pattern> patterns, const Guard& guard) {
  for (const Pattern& pattern : patterns) {
    const bool chain = pattern.steps.size() > 1 &&
                       std::ranges::none_of(pattern.steps, [](const auto& step) { return step.empty(); });
    if (!chain) {
      throw guard.error(fmt::format("makes a backend whose pattern '{}' is no chain", pattern.name))
          .help("two steps or more, each with the names of ops that it accepts");
    }
  }
}

Guard guard_of(std::string_view part, std::string_view kind, const std::string& name,
               const std::string& owner) {
  return {fmt::format("the {} of {} '{}'", part, kind, name), owner};
}

void require_fitting(const Plan& plan, const Site& site, const Guard& guard) {
  const auto require_layouts = [&](const std::vector<Layout>& layouts, std::size_t ports,
                                   std::string_view what) {
    if (layouts.empty() || layouts.size() == ports) return;
    throw guard.error(fmt::format("plans {} layouts for {} {}", layouts.size(), ports, what));
  };
  require_layouts(plan.inputs, site.inputs.size(), "inputs");
  require_layouts(plan.outputs, site.outputs.size(), "outputs");
  for (const InPlace& pair : plan.in_place) {
    const auto within = [](int i, std::size_t count) {
      return i >= 0 && static_cast<std::size_t>(i) < count;
    };
    if (!within(pair.input, site.inputs.size()) || !within(pair.output, site.outputs.size())) {
      throw guard.error(fmt::format("plans output {} over input {}, and there are {} and {}, counted from 0",
                                    pair.output, pair.input, site.outputs.size(), site.inputs.size()));
    }
  }
  if (plan.implementation.empty()) throw guard.error("plans an implementation without a name");
  if (!plan.bind) throw guard.error("plans without a way to bind the kernel").help("see make_plan()");
}

// What a stranger's kernel throws is told of its op.
KernelPtr guarded_kernel(KernelPtr kernel, const Guard& guard) {
  class Guarded final : public Kernel {
   public:
    Guarded(KernelPtr kernel, const Guard& guard) : kernel_(std::move(kernel)), guard_(guard) {}
    void run(const Io& io) const override {
      guard_([&] { kernel_->run(io); });
    }

   private:
    KernelPtr kernel_;
    Guard guard_;
  };
  return std::make_unique<Guarded>(std::move(kernel), guard);
}

Offer held_to_its_site(Offer offer, const Site& site, const Guard& guard) {
  Plan* const plan = std::get_if<Plan>(&offer);
  if (plan == nullptr) return offer;
  require_fitting(*plan, site, guard);
  const Guard running{fmt::format("the kernel '{}' of op '{}'", plan->implementation, site.op().name),
                      guard.owner};
  plan->bind = [bind = std::move(plan->bind), guard, running] {
    KernelPtr kernel = guard(bind);
    if (kernel == nullptr) throw guard.error("binds no kernel");
    return guarded_kernel(std::move(kernel), running);
  };
  put_under(plan->accuracy.algebra.formula, guard);
  return offer;
}

// An offer refuses what it cannot do: an Error, too, is unexpected here, and says where it comes from.
template <class MakeOffer>
Offer guarded_offer(std::string_view backend, const Site& site, const std::string& owner, MakeOffer make) {
  const Guard guard{fmt::format("the offer of backend '{}' for op '{}'", backend, site.op().name), owner};
  try {
    return held_to_its_site(guard(make), site, guard);
  } catch (Error& error) {
    error.in(guard.subject);
    throw;
  }
}

class GuardedBackend final : public Backend {
 public:
  GuardedBackend(std::unique_ptr<Backend> backend, std::string owner)
      : backend_(std::move(backend)), owner_(std::move(owner)) {}
  std::string_view name() const noexcept override { return backend_->name(); }
  Offer offer(const Site& site) const override {
    return guarded_offer(name(), site, owner_, [&] { return backend_->offer(site); });
  }
  std::span<const Pattern> patterns() const override { return backend_->patterns(); }
  KernelPtr reorder(const Spec& spec, const Layout& from, const Layout& to) const override {
    return Guard{fmt::format("the reordering of backend '{}'", name()),
                 owner_}([&] { return backend_->reorder(spec, from, to); });
  }
  std::string description() const override { return backend_->description(); }

 private:
  std::unique_ptr<Backend> backend_;
  std::string owner_;
};

}  // namespace

OpDef guarded(OpDef def, const std::string& owner) {
  for (const Neutral& neutral : def.neutral) {
    if (def.inputs.size() == 2 && (neutral.operand == 0 || neutral.operand == 1)) continue;
    throw guard_of("definition", "op", def.name, owner)
        .error(fmt::format("has a neutral value for operand {} of {}, counted from 0", neutral.operand,
                           def.inputs.size()))
        .help("of an op of two inputs alone can one leave the other as it is");
  }
  put_under(def.infer, guard_of("shape rule", "op", def.name, owner));
  put_under(def.derivative, guard_of("derivative rule", "op", def.name, owner));
  put_under(def.expand, guard_of("expansion", "op", def.name, owner));
  const Guard work = guard_of("count of multiply-adds", "op", def.name, owner);
  put_under(def.multiply_adds, work);
  if (def.multiply_adds) {
    def.multiply_adds = [count = std::move(def.multiply_adds), work](const Call& call,
                                                                     std::span<const Spec> outputs) {
      const double multiply_adds = count(call, outputs);
      if (!(multiply_adds >= 0.0) || std::isinf(multiply_adds))
        throw work.error(fmt::format("is {}", multiply_adds)).help("0 or more, and finite");
      return multiply_adds;
    };
  }
  return def;
}

LayerDef guarded(LayerDef def, const std::string& owner) {
  put_under(def.build, guard_of("recipe", "layer", def.name, owner));
  return def;
}

LossDef guarded(LossDef def, const std::string& owner) {
  put_under(def.build, guard_of("recipe", "loss function", def.name, owner));
  return def;
}

OptimizerDef guarded(OptimizerDef def, const std::string& owner) {
  put_under(def.update, guard_of("update rule", "optimizer", def.name, owner));
  return def;
}

ScheduleDef guarded(ScheduleDef def, const std::string& owner) {
  put_under(def.rate, guard_of("formula", "schedule", def.name, owner));
  return def;
}

InitializerDef guarded(InitializerDef def, const std::string& owner) {
  put_under(def.fill, guard_of("formula", "initializer", def.name, owner));
  return def;
}

DataSourceDef guarded(DataSourceDef def, const std::string& owner) {
  put_under(def.load, guard_of("function load", "data source", def.name, owner));
  return def;
}

BackendDef guarded(BackendDef def, const std::string& owner) {
  const Guard guard = guard_of("function create", "backend", def.name, owner);
  def.create = [create = std::move(def.create), guard,
                name = def.name](const BackendContext& context) -> std::unique_ptr<Backend> {
    std::unique_ptr<Backend> backend = guard([&] { return create(context); });
    if (backend == nullptr) throw guard.error("makes no backend");
    if (backend->name() != name)
      throw guard.error(fmt::format("makes a backend that is named '{}'", backend->name()));
    require_chains(backend->patterns(), guard);
    return std::make_unique<GuardedBackend>(std::move(backend), guard.owner);
  };
  return def;
}

OfferRule guarded(OfferRule rule, const std::string& backend, const std::string& owner) {
  return [rule = std::move(rule), backend, owner](const Site& site) {
    return guarded_offer(backend, site, owner, [&] { return rule(site); });
  };
}

}  // namespace assay
