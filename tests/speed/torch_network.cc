// The same networks in libtorch, its own way: modules, autograd and its SGD; images lie channels last, which
// is its better layout for them. A library of its own, which the process that runs it loads (libtorch.cc).
#include <torch/torch.h>

#include "speed/by_hand.h"

namespace assay::speed {
namespace {

torch::Tensor tensor_of(const Tensor& value) {
  const auto extents = value.shape().extents();
  const auto type = value.dtype() == DType::f64   ? torch::kFloat64
                    : value.dtype() == DType::i32 ? torch::kInt32
                                                  : torch::kFloat32;
  return torch::from_blob(const_cast<void*>(value.data()), {extents.data(), extents.size()}, type).clone();
}

class TorchNetwork final : public HandWritten {
 public:
  TorchNetwork(const Problem& problem, const StateStore& states)
      : input_(tensor_of(problem.data().train.inputs)), target_(tensor_of(problem.data().train.targets)) {
    at::set_num_threads(problem.threads());
    if (!classifies()) {
      input_ = input_.to(torch::kFloat64);
      target_ = target_.to(torch::kFloat64);
    } else {
      target_ = target_.to(torch::kInt64);
    }
    Shape shape = problem.experiment().model.input;
    const auto infos = problem.model().layers();
    for (std::size_t i = 0; i < infos.size(); ++i) {
      add(problem.experiment().model.layers[i], shape, infos[i].output);
      network_->ptr(i)->to(input_.scalar_type());
      fill(*network_->ptr(i), infos[i].name, states);
      shape = infos[i].output;
    }
    parameters_ = network_->parameters();
    if (input_.dim() == 4) {
      input_ = input_.contiguous(torch::MemoryFormat::ChannelsLast);
      for (torch::Tensor& parameter : parameters_) {
        if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
      }
    }
    optimizer_ = std::make_unique<torch::optim::SGD>(network_->parameters(), problem.model().learning_rate());
  }

  void step() override {
    // Gradients that are gone need neither be zeroed nor be added to.
    for (torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
    const torch::Tensor output = network_->forward(input_);
    loss_ = classifies() ? torch::cross_entropy_loss(output, target_)
                         : torch::mse_loss(output, target_, at::Reduction::Sum) /
                               (2.0 * static_cast<double>(input_.size(0)));
    loss_.backward();
    optimizer_->step();
  }
  double loss() const override { return loss_.item<double>(); }

 private:
  bool classifies() const { return !target_.is_floating_point(); }

  void add(const LayerConfig& layer, const Shape& in, const Shape& out) {
    using namespace torch::nn;
    if (layer.type == "dense") return network_->push_back(Linear(in[0], out[0]));
    if (layer.type == "relu") return network_->push_back(ReLU(ReLUOptions().inplace(true)));
    if (layer.type == "sigmoid") return network_->push_back(Sigmoid());
    if (layer.type == "flatten") return network_->push_back(Flatten());
    if (layer.type == "max_pool2d") return network_->push_back(MaxPool2d(in[1] / out[1]));
    if (layer.type == "batch_norm") return network_->push_back(BatchNorm2d(in[0]));
    if (layer.type != "conv2d") throw Error("libtorch: '" + layer.type + "' is not written here");
    const std::int64_t kernel = layer.fields.integers("kernel").front();
    network_->push_back(Conv2d(Conv2dOptions(in[0], out[0], kernel)
                                   .padding((out[1] + kernel - 1 - in[1]) / 2)
                                   .bias(layer.fields.boolean("bias"))));
  }

  // Both name parameters and statistics alike.
  static void fill(torch::nn::Module& module, const std::string& layer, const StateStore& states) {
    const torch::NoGradGuard guard;
    for (const auto& list : {module.named_parameters(), module.named_buffers()}) {
      for (const auto& item : list) {
        if (states.find(layer + "." + item.key()) != nullptr)
          item.value().copy_(tensor_of(states.read(layer + "." + item.key())));
      }
    }
  }

  torch::Tensor input_, target_, loss_;
  torch::nn::Sequential network_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<torch::optim::SGD> optimizer_;
};

}  // namespace
}  // namespace assay::speed

extern "C" assay::speed::HandWritten* make_torch_network(const assay::Problem& problem,
                                                         const assay::StateStore& states) {
  return new assay::speed::TorchNetwork(problem, states);
}
