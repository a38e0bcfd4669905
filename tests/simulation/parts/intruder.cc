#include "tests/simulation/parts/intruder.h"

#include <algorithm>

#include "procedures/population.h"
#include "sim/estate/plan.h"

namespace smki::simulation {
namespace {

namespace kg = keyguard::v1;

constexpr Millis kEvery{180'000};
constexpr Millis kDeadline{30'000};
constexpr Millis kSoon{2'000};
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
  if (call.messages.empty() || own_.contains(call.messages[0])) return;
  const std::string before = std::exchange(last_method_, call.method);
  if (call.method == "Sign") {
    kg::SignRequest request;
    if (!request.ParseFromString(call.messages[0])) return;
    Quoted(request.ledger_sequence(), request.ledger_head());
    if (signs_.size() < kRemembered) signs_.push_back(std::move(request));
  }
  if (call.method == "Prepare") {
    std::vector<kg::PrepareRequest> parts;
    for (const std::string& octets : call.messages) {
      kg::PrepareRequest part;
      if (!part.ParseFromString(octets)) return;
      parts.push_back(std::move(part));
    }
    Quoted(parts[0].header().ledger_sequence(), parts[0].header().ledger_head());
    if (prepare_.empty()) prepare_ = std::move(parts);
  }
  if (call.method == "Countersign") {
    kg::CountersignRequest request;
    if (request.ParseFromString(call.messages[0])) checkpoints_.push_back(call.messages[0]);
    if (checkpoints_.size() > 1 && checkpoints_.front() != checkpoints_.back() && Strikes("old checkpoint"))
      process_.PostAfter(kSoon, [this] { Send("Countersign", {checkpoints_.front()}, "an older checkpoint"); });
  }
  // The orchestrator looks how the key is before it hands anything over: whoever is quick comes first.
  if (call.method == "GetStatus" && before != "GetStatus" && !prepare_.empty() && Strikes("comes first"))
    process_.PostAfter(Millis(0), [this] { BendPrepare(); });
}

bool Intruder::Strikes(const std::string& place) {
  return world_.fates.Strikes(Fault::kIntruder, place);
}

void Intruder::Quoted(uint64_t sequence, const std::string& head) {
  if (sequence < ledger_sequence_) return;
  ledger_sequence_ = sequence;
  ledger_head_ = head;
}

void Intruder::Strike() {
  if (Strikes("intruder")) {
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
  own_.insert(messages[0]);
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
  if (fates.Draw("bend sign much", 8) == 0) return AskForMany();
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
      const auto fleet = sim::PlanEstate(image_.estate.devices, image_.estate.bystanders, image_.estate.seed).fleet;
      item.set_device((foisted_ ? Bystander() : fleet[fates.Draw("other device", fleet.size())].eui).value());
      what = "another Device";
      break;
    }
    case 2:
      item.set_attempt(0);
      what = "attempt 0";
      break;
    case 3:
      // Of the Device that was asked for most often: perhaps it has no attempt left.
      for (const kg::SignRequest& heard : signs_) {
        for (const kg::SignItem& one : heard.items()) {
          if (heard.group() == request.group() && one.attempt() > item.attempt()) item = one;
        }
      }
      item.set_attempt(item.attempt() + 1 + static_cast<uint32_t>(fates.Draw("attempts", 8) / 5));
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

// The first attempts of every Device of one group, asked for at once.
void Intruder::AskForMany() {
  kg::SignRequest request = signs_[world_.fates.Draw("which group", signs_.size())];
  for (const kg::PrepareRequest& part : prepare_) {
    if (!part.has_population() || part.population().group() != request.group()) continue;
    const auto population = procedures::ParsePopulation(AsBytes(part.population().octets()));
    if (!population.ok()) return;
    request.clear_items();
    for (const Eui64 device : population->devices) {
      kg::SignItem& item = *request.add_items();
      item.set_device(device.value());
      item.set_attempt(1);
    }
    return Send("Sign", {request.SerializeAsString()}, "every Device of the group");
  }
}

Eui64 Intruder::Bystander() {
  const auto fleet = sim::PlanEstate(image_.estate.devices, image_.estate.bystanders, image_.estate.seed).fleet;
  const auto other = std::find_if(fleet.rbegin(), fleet.rend(), [](const sim::DevicePlan& device) {
    return device.supplier != sim::kRecoveredSupplier;
  });
  SMKI_CHECK(other != fleet.rend());
  return other->eui;
}

// As many Devices as before, one of them ours.
std::string Intruder::SomePopulationWith(const std::string& octets, Eui64 device) const {
  auto population = procedures::ParsePopulation(AsBytes(octets));
  if (!population.ok()) return octets;
  std::vector<Eui64>& devices = population->devices;
  devices.back() = device;
  std::sort(devices.begin(), devices.end());
  return ToString(procedures::EncodePopulation(*population));
}

void Intruder::BendPrepare() {
  Fates& fates = world_.fates;
  std::vector<kg::PrepareRequest> parts = prepare_;
  kg::PrepareHeader& header = *parts[0].mutable_header();
  const Eui64 bystander = Bystander();
  // Else the head is that of long ago.
  if (fates.Draw("newest head", 3) != 0) {
    header.set_ledger_sequence(ledger_sequence_);
    header.set_ledger_head(ledger_head_);
  }
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
      foisted_ = true;
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
