"""Services whose keys are written beside their names: the names, as expressions, in small letters."""

from typing import Final

NAMES: Final = r"""
    abuseipdb adafruit adobe airtable alchemy algolia alibaba amplitude anthropic apify apilayer artifactory asana
    assemblyai atlassian auth0 aws azure beamer bitbucket bitly bittrex blazemeter braintree bugsnag buildkite
    calendly cerebras chargebee circleci clarifai clearbit clickhouse clicksend clickup clojars cloudconvert
    cloudflare cloudinary codecov cohere coinbase collect2 confluence confluent contentful coveralls datadog
    deepgram deepl deepseek digitalocean discord docker(?:hub)? drone(?:ci)? dropbox duffel easypost elastic
    elevenlabs etsy everhour fastforex fastly finicity finnhub firebase fireworks flickr flutterwave freshbooks
    freshdesk gemini github gitlab gitter gocardless grafana groq heroku honeybadger honeycomb hubspot huggingface
    infura intercom ipapi ipdata ipinfo ipstack jenkins jfrog jina jira klaviyo kraken kucoin langfuse langsmith
    launchdarkly linear linked[_-]?in linode lob loggly logz[_-]?io lokalise looker mailchimp mailerlite mailgun
    mailjet mandrill mapbox mattermost meraki metabase mistral mixpanel netlify new[_-]?relic newsapi ngrok
    nicereply nylas nytimes okta onesignal openai openrouter openweather[a-z]{0,3} opsgenie optimizely pagerduty
    pandadoc paypal paystack perplexity pinecone pipedream pipedrive pixabay plaid postman postmark private[_-]?ai
    pubnub pusher pushover rapidapi razorpay readme[_-]?io replicate rockset rollbar runpod runscope salesforce
    scaleway scraperapi scrapfly scrapingbee screenshotapi segment sendbird sendgrid sendinblue sentry shippo shodan
    shopify shutterstock signalwire skrapp slack smartsheets? snyk sonar sourcegraph sparkpost splunk spotify
    square(?:space)? statuspage storyblok strava stripe stytch supabase surveybot surveymonkey tavily teamwork
    telegram telnyx the[_-]?odds[_-]?api thingsboard ticketmaster tiingo todoist tomtom travis(?:ci)? trello twilio
    twitch twitter typeform unsplash uptimerobot urlscan vercel virustotal vultr wandb weatherbit weatherstack webex
    webflow wepay wrike yandex zapier zendesk zenrows
"""
"""As far as can be no words of a language: each place where one stands is looked at closely."""

PATTERN: Final = "|".join(NAMES.split())
