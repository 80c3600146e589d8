# Calls whom a votel:, tel: or callto: link names. Run by Windows for such links, see dialbridge-open.reg.
param([string]$Link)

$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Windows.Forms

function Stop-Saying([string]$Why) {
    [void][System.Windows.Forms.MessageBox]::Show($Why, 'The call was not placed')
    exit 1
}

# A page may have written anything into it: a number with its country, or nothing.
if ($Link -match '^votel:(?://)?(\+[0-9]{1,15})/(\+[0-9]{1,15})/?$') {
    $order = @{ target = $Matches[1]; caller_id = $Matches[2] }
} elseif ($Link -match '^(?:tel|callto):(?://)?(\+[0-9]{1,15})/?$') {
    $order = @{ target = $Matches[1] }
} else {
    Stop-Saying 'The link names no number with its country, as in tel:+12125550101.'
}

try {
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    $client = Get-Content -Raw "$env:APPDATA\dialbridge\client.json" | ConvertFrom-Json
    $headers = @{ Authorization = "Bearer $($client.token)" }
    $order.agent = (Invoke-RestMethod "$($client.url)/v1/me" -Headers $headers).agent.extension
    $body = ConvertTo-Json $order
    $call = @{ Uri = "$($client.url)/v1/calls"; Method = 'Post'; Headers = $headers; Body = $body }
    [void](Invoke-RestMethod @call -ContentType 'application/json')
} catch {
    $why = $_.Exception.Message
    try { $why = ($_.ErrorDetails.Message | ConvertFrom-Json).detail } catch { }
    Stop-Saying $why
}
