#include "base/time.h"

#include <fmt/format.h>

namespace smki {
namespace {

// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant's days_from_civil).
int64_t DaysFromCivil(int y, int m, int d) {
  y -= m <= 2;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153u * static_cast<unsigned>(m > 2 ? m - 3 : m + 9) + 2) / 5 + static_cast<unsigned>(d) - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<int64_t>(doe) - 719468;
}

bool ReadDigits(std::string_view text, size_t at, size_t count, int& out) {
  if (at + count > text.size()) return false;
  out = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  return true;
}

}  // namespace

CivilTime ToCivil(UtcTime time) {
  int64_t seconds = time.ms / 1000;
  if (time.ms % 1000 < 0) --seconds;
  int64_t days = seconds / 86400;
  int64_t rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto doe = static_cast<unsigned>(days - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  CivilTime out;
  out.day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  out.month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  out.year = static_cast<int>(static_cast<int64_t>(yoe) + era * 400) + (out.month <= 2 ? 1 : 0);
  out.hour = static_cast<int>(rest / 3600);
  out.minute = static_cast<int>(rest / 60 % 60);
  out.second = static_cast<int>(rest % 60);
  return out;
}

UtcTime FromCivil(const CivilTime& c) {
  const int64_t days = DaysFromCivil(c.year, c.month, c.day);
  return {(days * 86400 + c.hour * 3600 + c.minute * 60 + c.second) * 1000};
}

std::string FormatTime(UtcTime time) {
  const CivilTime c = ToCivil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string FormatTimeMillis(UtcTime time) {
  std::string out = FormatTime(time);
  out.pop_back();
  const int64_t ms = (time.ms % 1000 + 1000) % 1000;
  return fmt::format("{}.{:03}Z", out, ms);
}

std::optional<UtcTime> ParseTime(std::string_view text) {
  CivilTime c;
  int ms = 0;
  if (text.size() == 24) {
    if (text[19] != '.' || !ReadDigits(text, 20, 3, ms)) return std::nullopt;
  } else if (text.size() != 20) {
    return std::nullopt;
  }
  if (text.back() != 'Z' || text[10] != 'T' || text[13] != ':' || text[16] != ':') return std::nullopt;
  const auto date = ParseDate(text.substr(0, 10));
  if (!date || !ReadDigits(text, 11, 2, c.hour) || !ReadDigits(text, 14, 2, c.minute) ||
      !ReadDigits(text, 17, 2, c.second)) {
    return std::nullopt;
  }
  if (c.hour > 23 || c.minute > 59 || c.second > 59) return std::nullopt;
  return UtcTime{date->ms + (c.hour * 3600 + c.minute * 60 + c.second) * int64_t{1000} + ms};
}

std::string FormatDate(UtcTime time) {
  return FormatTime(time).substr(0, 10);
}

std::optional<UtcTime> ParseDate(std::string_view text) {
  CivilTime c;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !ReadDigits(text, 0, 4, c.year) ||
      !ReadDigits(text, 5, 2, c.month) || !ReadDigits(text, 8, 2, c.day)) {
    return std::nullopt;
  }
  if (c.year < 1970 || c.month < 1 || c.month > 12 || c.day < 1) return std::nullopt;
  const UtcTime time = FromCivil(c);
  const CivilTime back = ToCivil(time);
  if (back.day != c.day || back.month != c.month) return std::nullopt;
  return time;
}

std::optional<Millis> ParseDuration(std::string_view text) {
  if (text.size() < 3 || text.size() > 32 || text[0] != 'P') return std::nullopt;
  bool in_time = false;
  int64_t total = 0;
  constexpr std::string_view kUnits = "DHMS";
  size_t next_unit = 0;
  size_t i = 1;
  while (i < text.size()) {
    if (text[i] == 'T') {
      if (in_time || i + 1 == text.size()) return std::nullopt;
      in_time = true;
      ++i;
      continue;
    }
    const size_t start = i;
    int64_t number = 0;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i - start < 9)
      number = number * 10 + (text[i++] - '0');
    if (i == start || i == text.size()) return std::nullopt;
    const size_t unit = kUnits.find(text[i++]);
    if (unit == std::string_view::npos || unit < next_unit || (unit == 0) == in_time) return std::nullopt;
    next_unit = unit + 1;
    static constexpr int64_t kSeconds[] = {86400, 3600, 60, 1};
    total += number * kSeconds[unit];
  }
  return Millis(total * 1000);
}

std::string FormatDuration(Millis duration) {
  int64_t s = duration.count() / 1000;
  if (s == 0) return "PT0S";
  std::string out = "P";
  if (s >= 86400) out += fmt::format("{}D", s / 86400);
  s %= 86400;
  if (s > 0) out += 'T';
  if (s >= 3600) out += fmt::format("{}H", s / 3600);
  s %= 3600;
  if (s >= 60) out += fmt::format("{}M", s / 60);
  s %= 60;
  if (s > 0) out += fmt::format("{}S", s);
  return out;
}

}  // namespace smki
