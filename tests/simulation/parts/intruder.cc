#include "tests/simulation/parts/intruder.h"

#include "sim/estate/plan.h"

namespace smki::simulation {
namespace {

namespace kg = keyguard::v1;

constexpr Millis kEvery{180'000};
constexpr Millis kDeadline{30'000};
constexpr size_t kRemembered = 40;

}  // namespace

Intruder::Intruder(World world, const EstateImage& image)
    : world_(world), image_(image), process_(world.clockwork, "intruder") {}

void Intruder::Start(Network::Host& keyguard) {
  process_.Begin();
  keyguard_ = world_.network.Connect(process_, kMachine, kIdentity, keyguard);
  process_.PostAfter(kEvery, [this] { Strike(); });
}

void Intruder::Overhear(const Server::Call& call) {
  if (call.method == "Sign" && signs_.size() < kRemembered) {
    kg::SignRequest request;
    if (request.ParseFromString(call.messages[0])) signs_.push_back(std::move(request));
  }
  // The first of an incident is the orchestrator's own.
  if (call.method == "Prepare" && prepare_.empty()) {
    for (const std::string& octets : call.messages) {
      kg::PrepareRequest part;
      if (!part.ParseFromString(octets)) return prepare_.clear();
      prepare_.push_back(std::move(part));
    }
  }
}

void Intruder::Strike() {
  if (world_.fates.Strikes(Fault::kIntruder, "intruder")) {
    if (!signs_.empty() && (prepare_.empty() || world_.fates.Draw("intruder", 3) != 0)) {
      BendSign();
    } else if (!prepare_.empty()) {
      BendPrepare();
    }
  }
  process_.PostAfter(Millis(kEvery.count() / 4 + static_cast<int64_t>(world_.fates.Draw("intruder waits", 180'000))),
                     [this] { Strike(); });
}

void Intruder::Send(const std::string& method, std::vector<std::string> messages, const std::string& what, bool lie) {
  world_.story.Tell("intruder", "{}: {}", method, what);
  const auto told = [this, method, what, lie](StatusOr<std::string> answer) {
    // An answer that got lost may have been a yes.
    if (lie && (answer.ok() || ReasonOf(answer.status()).empty())) lied_ = true;
    world_.story.Tell("intruder", "{}: {}: {}", method, what,
                      answer.ok() ? "served"
                                  : (ReasonOf(answer.status()).empty() ? Message(answer.status()).substr(0, 80)
                                                                       : ReasonOf(answer.status())));
  };
  keyguard_->Upload("/smki.keyguard.v1.Keyguard/" + method, std::move(messages), kDeadline, told);
}

void Intruder::BendSign() {
  Fates& fates = world_.fates;
  kg::SignRequest request = signs_[fates.Draw("which sign", signs_.size())];
  if (request.items_size() == 0) return;
  kg::SignItem& item =
      *request.mutable_items(static_cast<int>(fates.Draw("which item", static_cast<uint64_t>(request.items_size()))));
  std::string what;
  switch (fates.Draw("bend sign", 10)) {
    case 0:
      what = "the same again";
      break;
    case 1: {
      const auto& fleet = sim::PlanEstate(image_.estate.devices, image_.estate.bystanders, image_.estate.seed).fleet;
      item.set_device(fleet[fates.Draw("other device", fleet.size())].eui.value());
      what = "another Device";
      break;
    }
    case 2:
      item.set_attempt(0);
      what = "attempt 0";
      break;
    case 3:
      item.set_attempt(item.attempt() + 1 + static_cast<uint32_t>(fates.Draw("attempts", 4)));
      what = "a later attempt";
      break;
    case 4:
      *request.add_items() = kg::SignItem(item);
      what = "one Device twice";
      break;
    case 5:
      request.set_ledger_sequence(request.ledger_sequence() - std::min<uint64_t>(request.ledger_sequence(), 1));
      what = "an older ledger sequence";
      break;
    case 6:
      (*request.mutable_ledger_head())[0] ^= 1;
      what = "an invented ledger head";
      break;
    case 7:
      request.set_group(request.group() + "-x");
      what = "another group";
      break;
    case 8: {
      // The first it heard: its head is an old one by now; its Devices are asked for with the next attempt.
      request = signs_.front();
      for (kg::SignItem& one : *request.mutable_items()) one.set_attempt(one.attempt() + 1);
      what = "next attempts under an old head";
      break;
    }
    default:
      (*request.mutable_direction_digest())[0] ^= 1;
      what = "another Direction";
  }
  Send("Sign", {request.SerializeAsString()}, what, what.find("ledger") != std::string::npos);
}

// A population file with one Device more (docs/formats/population.md: header, count, EUI-64s in order).
std::string Intruder::SomePopulationWith(const std::string& octets, uint64_t device) const {
  if (octets.size() < 16) return octets;
  // The last Device is replaced: count and header stay.
  std::string out = octets;
  for (size_t i = 0; i < 8; ++i) out[out.size() - 1 - i] = static_cast<char>(device >> (8 * i));
  return out;
}

void Intruder::BendPrepare() {
  Fates& fates = world_.fates;
  std::vector<kg::PrepareRequest> parts = prepare_;
  kg::PrepareHeader& header = *parts[0].mutable_header();
  const uint64_t bystander = 0x00DB123456FFFFFFull;
  kg::PrepareRequest* population = nullptr;
  for (kg::PrepareRequest& part : parts) {
    if (part.has_population()) population = &part;
  }
  std::string what;
  switch (fates.Draw("bend prepare", 9)) {
    case 0:
      if (population == nullptr) return;
      population->mutable_population()->set_octets(SomePopulationWith(population->population().octets(), bystander));
      what = "another population";
      break;
    case 1: {
      if (population == nullptr) return;
      kg::PrepareRequest second = *population;
      second.mutable_population()->set_octets(SomePopulationWith(population->population().octets(), bystander));
      parts.push_back(std::move(second));
      what = "a population twice, the second another";
      break;
    }
    case 2:
      if (header.approvals_size() < 2) return;
      for (int i = 1; i < header.approvals_size(); ++i) header.set_approvals(i, header.approvals(0));
      what = "one approval several times";
      break;
    case 3:
      while (header.approvals_size() > 1) header.mutable_approvals()->RemoveLast();
      what = "one approval";
      break;
    case 4: {
      std::string& text = *header.mutable_direction();
      const size_t at = text.find("attemptsPerDevice: ");
      if (at == std::string::npos) return;
      text[at + 19] = '9';
      what = "the Direction with more attempts";
      break;
    }
    case 5:
      header.set_key("contingency");
      what = "the other key";
      break;
    case 6:
      header.set_ledger_sequence(header.ledger_sequence() / 2);
      what = "an old ledger head";
      break;
    case 7:
      header.set_incident("INC-20261121-000000");
      what = "another incident";
      break;
    default:
      what = "the same again";
  }
  std::vector<std::string> messages;
  for (const kg::PrepareRequest& part : parts) messages.push_back(part.SerializeAsString());
  Send("Prepare", std::move(messages), what, what.find("ledger") != std::string::npos);
}

}  // namespace smki::simulation
