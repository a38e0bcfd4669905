#include "tests/simulation/check/checks.h"

#include "pki/digest.h"
#include "tests/simulation/check/admission.h"
#include "tests/simulation/check/device_check.h"
#include "tests/simulation/check/facts.h"
#include "tests/simulation/check/journal_check.h"
#include "tests/simulation/check/key_check.h"
#include "tests/simulation/check/keyguard_check.h"
#include "tests/simulation/check/ledger_check.h"
#include "tests/simulation/check/orchestrator_check.h"
#include "tests/simulation/check/reconciliation.h"

namespace smki::simulation {

struct Checks::Impl {
  explicit Impl(World world) : facts(std::move(world)) {
    facts.anchor = pki::Sha256(facts.world.policy);
    auto policy = ReadPolicy(facts.world.policy);
    if (!policy.ok()) facts.findings.Say("I10", "the trust policy cannot be read: {}", Message(policy.status()));
    facts.policies.emplace(facts.anchor, policy.ok() ? std::move(policy).value() : Policy());
  }

  Facts facts;
  Quotes quotes;
  Admissions admissions{facts};
  DeviceCheck devices{facts};
  JournalCheck journal{facts, admissions, devices, quotes};
  KeyCheck key{facts, journal, quotes};
  KeyguardCheck keyguard{facts, admissions, journal, key, quotes};
  OrchestratorCheck orchestrator{facts, devices};
};

Checks::Checks(World world) : impl_(std::make_unique<Impl>(std::move(world))) {}
Checks::~Checks() = default;

void Checks::OnPersonSigned(UtcTime, const std::string& person, ByteSpan document, ByteSpan) {
  // The octets count, not the signature: who signed them once may sign them again.
  impl_->facts.signed_by.insert({person, pki::Sha256(document)});
  if (const auto rejection = ReadRejection(AsText(document)); rejection.ok() && rejection->person == person)
    impl_->facts.rejected_by.insert({person, rejection->direction});
}

void Checks::OnPersonPresented(UtcTime, const std::string& person, const std::string& ceremony_request) {
  impl_->facts.presented_by.insert({person, pki::Sha256(ceremony_request)});
}

void Checks::OnTokenLogin(UtcTime now, const std::string& key, bool logged_in) {
  impl_->key.Login(now, key, logged_in);
}

void Checks::OnTokenSevered(const std::string& key) {
  impl_->key.Severed(key);
}

void Checks::OnTokenSign(UtcTime now, const std::string& key, const Digest& digest) {
  impl_->key.Sign(now, key, digest);
}

void Checks::OnKeyguardRequest(UtcTime now, const std::string& caller, const std::string& method,
                               const std::vector<std::string>& messages) {
  impl_->keyguard.Request(now, caller, method, messages);
}

void Checks::OnKeyguardAnswer(UtcTime now, const std::string& caller, const std::string& method,
                              const std::string& response) {
  impl_->keyguard.Answer(now, caller, method, response);
}

void Checks::OnKeyguardRefusal(UtcTime now, const std::string& caller, const std::string& method, const std::string&) {
  impl_->journal.Update(now);
  impl_->keyguard.Refusal(caller, method);
}

void Checks::OnKeyguardDied(UtcTime now) {
  impl_->journal.Update(now);
  impl_->keyguard.Died();
}

void Checks::OnSignerDied(UtcTime now) {
  impl_->journal.Update(now);
  impl_->key.SignerDied();
}

void Checks::OnDeviceCommand(UtcTime, Eui64 device, ByteSpan message) {
  impl_->devices.Arrived(device, message);
}

void Checks::OnDeviceResponse(UtcTime, Eui64 device, ByteSpan message) {
  impl_->devices.Said(device, message);
}

void Checks::OnIncidentView(UtcTime now, const std::string& caller, const std::string& view) {
  impl_->orchestrator.View(now, caller, view);
}

void Checks::OnDeliver(UtcTime now, const std::string& request) {
  impl_->orchestrator.Deliver(now, request);
}

void Checks::AtEnd(const End& end) {
  Impl& all = *impl_;
  if (const auto journal = ReadWholeFile(end.journal_file)) {
    all.journal.Take(*journal, UtcTime{});
    if (all.journal.log().torn())
      all.facts.findings.Say("I2", "the signer's journal ends in octets that are no record");
  } else if (all.journal.log().records() > 0) {
    all.facts.findings.Say("I2", "the signer's journal is gone");
  }
  all.key.AtEnd(end.incident_closed);
  Reconciliation reconciliation(all.facts, all.journal, all.keyguard, all.devices, all.quotes);
  if (!end.ledger_file.empty()) {
    const auto entries = ReadLedger(end.ledger_file);
    if (entries.ok()) {
      LedgerCheck(all.facts, all.journal, all.quotes, all.orchestrator).Run(*entries);
      reconciliation.Run(*entries, end);
    } else {
      all.facts.findings.Say("I3", "the ledger cannot be read: {}", Message(entries.status()));
    }
  }
  if (!end.device_cells.empty())
    all.devices.CompareCells(end.device_cells_before, end.device_cells, reconciliation.recovered());
}

const std::vector<Violation>& Checks::violations() const {
  return impl_->facts.findings.violations();
}

}  // namespace smki::simulation
