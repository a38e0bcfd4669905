#include "tests/simulation/check/orchestrator_check.h"

#include <algorithm>

#include "pki/digest.h"
#include "smki/estate/v1/estate.pb.h"
#include "smki/recovery/v1/recovery.pb.h"

namespace smki::simulation {

void OrchestratorCheck::View(UtcTime now, const std::string& caller, const std::string& octets) {
  recovery::v1::IncidentView view;
  view.ParseFromString(octets);
  Findings& findings = facts_.findings;
  const std::string where = fmt::format("{}'s page of {} at {}", caller, view.incident(), FormatTimeMillis(now));
  Page page{
      view.incident(), view.state(), view.ledger_entries(), view.sequence(), ToDigest(AsBytes(view.ledger_head())), {}};
  for (const auto& step : view.steps()) page.steps[step.id()] = step.status();

  const auto [head, first] = heads_.emplace(page.entries, page.head);
  if (!first && head->second != page.head)
    findings.Say("I3", "{}: another head after {} ledger entries than a page before it", where, page.entries);
  uint64_t& seen = seen_[caller];
  if (page.entries < seen)
    findings.Say("I2", "{} has {} ledger entries; they had been shown {}", where, page.entries, seen);
  seen = std::max(seen, page.entries);

  const Digest runbook = ToDigest(AsBytes(view.runbook_digest()));
  if (runbooks_.emplace(page.incident, runbook).first->second != runbook)
    findings.Say("I9", "{} runs another runbook than it was opened with", where);
  const bool known = std::any_of(facts_.world.runbooks.begin(), facts_.world.runbooks.end(),
                                 [&](const std::string& text) { return pki::Sha256(text) == runbook; });
  if (!known) findings.Say("I9", "{} runs a runbook that nobody wrote: {}", where, Short(runbook));

  const uint64_t recovered = view.progress().recovered();
  if (recovered > 0) {
    if (const uint64_t proven = devices_.Recovered(page.incident); recovered > proven)
      findings.Say("I6", "{} counts {} recovered Devices; {} have said so", where, recovered, proven);
    if (const CampaignLog* log = Update(page.incident); log != nullptr && recovered > log->recovered.size())
      findings.Say("I2", "{} counts {} recovered Devices; {} are durable in the campaign log", where, recovered,
                   log->recovered.size());
  }
  if (pages_.empty() || !(pages_.back() == page)) pages_.push_back(std::move(page));
}

const OrchestratorCheck::CampaignLog* OrchestratorCheck::Update(const std::string& incident) {
  if (facts_.world.campaign_folder.empty()) return nullptr;
  CampaignLog& out = logs_[incident];
  const std::string path = facts_.world.campaign_folder + "/" + incident + "/campaign/campaign.log";
  const auto file = facts_.world.durable(path);
  if (out.broken) return &out;
  const auto records = out.log.Read(file.value_or(Bytes()));
  if (!records.ok()) {
    out.broken = true;
    facts_.findings.Say("I2", "the campaign log of {}: {}", incident, Message(records.status()));
    return &out;
  }
  for (const LogRecord& raw : *records) {
    const auto record = ReadCampaignRecord(raw);
    if (!record.ok()) {
      facts_.findings.Say("I3", "campaign record {}: {}", raw.number, Message(record.status()));
    } else if (raw.type == kCampaignSigned) {
      for (const CampaignItem& item : record->items) out.commands[{item.device, item.attempt}] = item.command;
    } else if (raw.type == kCampaignResponse && record->outcome == kRecovered) {
      out.recovered.insert(record->device);
    }
  }
  return &out;
}

void OrchestratorCheck::Deliver(UtcTime now, const std::string& octets) {
  estate::v1::DeliverRequest request;
  request.ParseFromString(octets);
  std::map<std::string, const CampaignLog*> logs;
  for (const auto& one : request.commands()) {
    const Eui64 device(one.device());
    const Digest digest = pki::Sha256(one.message());
    const auto counter = facts_.message_to_counter.find(digest);
    if (counter == facts_.message_to_counter.end()) {
      facts_.findings.Say("I2", "a command for {} is delivered at {} that the keyguard never released",
                          device.ToString(), FormatTimeMillis(now));
      continue;
    }
    const Command& command = facts_.commands.at(counter->second);
    if (command.device != device)
      facts_.findings.Say("I1", "the command for {} is delivered to {}", command.Describe(), device.ToString());
    const std::string& incident = command.use->direction.incident;
    if (!logs.contains(incident)) logs[incident] = Update(incident);
    const CampaignLog* const log = logs[incident];
    if (log == nullptr) continue;
    const auto logged = log->commands.find({command.device, command.attempt});
    if (logged == log->commands.end() || logged->second != digest)
      facts_.findings.Say("I2", "the command for {} is delivered and not durable in the campaign log",
                          command.Describe());
  }
}

}  // namespace smki::simulation
