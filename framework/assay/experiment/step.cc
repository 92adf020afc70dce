#include "assay/experiment/step.h"

namespace assay {
namespace {

void set_real(const TensorView& view, double value) {
  if (view.spec.dtype == DType::f32) {
    view.as<float>()[0] = static_cast<float>(value);
  } else {
    view.as<double>()[0] = value;
  }
}

StepResult result_of(Program& program, std::int64_t rows) {
  StepResult result{element(program.output("loss"), 0), std::nullopt, rows};
  if (program.has_output("gradient_norm")) result.gradient_norm = element(program.output("gradient_norm"), 0);
  return result;
}

}  // namespace

StepRunner::StepRunner(const Problem& problem, Batches& batches, std::map<std::int64_t, Program>& programs,
                       std::int64_t total_steps)
    : problem_(problem), batches_(batches), programs_(programs), total_steps_(total_steps) {}

double StepRunner::learning_rate(std::int64_t step, std::int64_t epoch, const ScheduleDef& schedule) const {
  const Progress progress{step, epoch, total_steps_, problem_.experiment().epochs};
  return scheduled_learning_rate(schedule, problem_.experiment().schedule.fields,
                                 problem_.model().learning_rate(), progress);
}

Program& StepRunner::prepare(std::int64_t step, std::int64_t epoch, std::int64_t k) {
  Program& program = programs_.at(batches_.batch_rows(k));
  batches_.fill(k, program.input("input"), program.input("target"), program.input("sample"));
  set_real(program.input("learning_rate"), learning_rate(step, epoch, problem_.schedule()));
  program.input("step").as<std::int32_t>()[0] = static_cast<std::int32_t>(step + 1);
  const auto key = program.input("key").as<std::int32_t>();
  key[0] = static_cast<std::int32_t>(static_cast<std::uint32_t>(problem_.seed()));
  key[1] = static_cast<std::int32_t>(static_cast<std::uint32_t>(problem_.seed() >> 32));
  key[2] = static_cast<std::int32_t>(step);
  return program;
}

StepResult StepRunner::run(std::int64_t step, std::int64_t epoch, std::int64_t k) {
  Program& program = prepare(step, epoch, k);
  program.run();
  return result_of(program, batches_.batch_rows(k));
}

StepResult StepRunner::run_observed(std::int64_t step, std::int64_t epoch, std::int64_t k,
                                    const std::function<void(const Program::Observation&)>& observe) {
  Program& program = prepare(step, epoch, k);
  program.run_observed(observe);
  return result_of(program, batches_.batch_rows(k));
}

}  // namespace assay
